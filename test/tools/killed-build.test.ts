import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const forge = fileURLToPath(new URL('../../scripts/nat64-forge.mjs', import.meta.url))

/** Command lines of living processes that name `word`; one that ended and was not waited for has none. */
async function processesNaming(word: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.map((line) => line.replaceAll('\0', ' ')).filter((line) => line.includes(word))
}

async function mountsNaming(word: string): Promise<string[]> {
  return (await readFile('/proc/self/mounts', 'utf8')).split('\n').filter((line) => line.includes(word))
}

describe.skipIf(!needsTools('mmdebstrap', 'bwrap'))('kill -9 while a real build root is being made', () => {
  test('leaves no process, no mount and no scratch folder, and the next run goes on', async () => {
    const dir = await temporaryFolder()
    const store = join(dir, 'store')
    const build = spawn(process.execPath, [forge, 'modules', '--target', 'debian-12', '--store', store, '--out', join(dir, 'out')], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
    let words = ''
    build.stderr.on('data', (chunk: Buffer) => { words += chunk.toString() })
    // dpkg at work inside the root: the moment with the most mounts and processes.
    await vi.waitFor(async () => { expect(await processesNaming(`${store}/work`), words).toEqual(expect.arrayContaining([expect.stringMatching(/^(\S*perl \S*mmdebstrap|dpkg) /)])) }, { timeout: 120_000, interval: 100 })
    await new Promise((resolve) => { setTimeout(resolve, 3000) })
    build.kill('SIGKILL')
    await once(build, 'exit')

    await vi.waitFor(async () => { expect(await processesNaming(store)).toEqual([]) }, { timeout: 5000, interval: 50 })
    expect(await mountsNaming(store)).toEqual([])
    expect(await readdir(join(dir))).not.toContain('out')

    const exec = createExec({ log: silentLog })
    await exec([process.execPath, forge, 'headers', '--target', 'debian-12', '--store', store, '--out', join(dir, 'out')], { cwd: dir })
    expect(await readdir(join(store, 'work'))).toEqual([])
    expect(await readdir(join(store, 'artifacts'))).toEqual(['headers', 'source'])
  })
})
