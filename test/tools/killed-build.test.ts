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

describe.skipIf(!needsTools('mmdebstrap', 'bwrap'))('kill -9 of a real build', () => {
  test('while its root is made, and while it compiles, leaves no process, no mount and no scratch folder; the next run goes on', async () => {
    const dir = await temporaryFolder()
    const store = join(dir, 'store')
    const argv = [process.execPath, forge, 'modules', '--target', 'debian-12', '--store', store, '--out', join(dir, 'out')] as const
    const killedAt = async (moment: RegExp, thenMs: number): Promise<void> => {
      const build = spawn(argv[0], argv.slice(1), { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
      let words = ''
      build.stderr.on('data', (chunk: Buffer) => { words += chunk.toString() })
      await vi.waitFor(async () => {
        expect(build.exitCode, words).toBeNull()
        expect(await processesNaming(`${store}/`)).toEqual(expect.arrayContaining([expect.stringMatching(moment)]))
      }, { timeout: 180_000, interval: 100 })
      await new Promise((resolve) => { setTimeout(resolve, thenMs) })
      build.kill('SIGKILL')
      await once(build, 'exit')
      await vi.waitFor(async () => { expect(await processesNaming(store)).toEqual([]) }, { timeout: 5000, interval: 50 })
      expect(await mountsNaming(store)).toEqual([])
      expect(await readdir(join(dir))).not.toContain('out')
    }

    // dpkg at work inside the root: the moment with the most mounts and processes.
    await killedAt(/^(\S*perl \S*mmdebstrap|dpkg) /, 3000)
    await killedAt(/^bwrap .* make /, 1500)
    expect(await readdir(join(store, 'artifacts'))).toEqual(['build-root', 'headers', 'source'])

    const exec = createExec({ log: silentLog })
    await exec(argv, { cwd: dir })
    expect(await readdir(join(store, 'work'))).toEqual([])
    expect(await readdir(join(store, 'artifacts'))).toEqual(['build-root', 'headers', 'modules', 'source'])
    expect(await readdir(join(dir, 'out/debian-12'))).toContain('report.json')
  })
})
