import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { chmod, chown, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { readSigningKey, signRelease } from '../../packaging/debs/sign.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { rejection } from '../support/rejection.ts'
import { makeSigningKey } from '../support/signing-key.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const epoch = 1_767_225_600
const keyring = 'keyring.gpg'

/** Programs that see this folder as the repository being signed, whoever started them: `gpg`, `gpg-agent`, `sh`. */
function signersOf(aptDir: string): string[] {
  const { ino, dev } = statSync(aptDir)
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    try {
      const seen = statSync(`/proc/${pid}/root/tmp/apt`)
      return seen.ino === ino && seen.dev === dev ? [readFileSync(`/proc/${pid}/comm`, 'utf8').trim()] : []
    } catch {
      return []
    }
  })
}

const gpgFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('gpg-'))

describe.skipIf(!needsTools('gpg', 'gpgv', 'gpgconf', 'bwrap', 'mkfifo'))('signing a repository', { timeout: 60_000 }, () => {
  let key: { keyFile: string; fingerprint: string }
  let keyDir: string
  beforeAll(async () => {
    keyDir = await temporaryFolder({ keepUntil: 'file' })
    key = await makeSigningKey(keyDir, epoch - 1000)
  })

  /** An empty repository, and the folder for temporary files. */
  async function repository(): Promise<{ aptDir: string; tmpDir: string }> {
    // Longer than a socket's path may be.
    const dir = join(await temporaryFolder(), 'x'.repeat(100))
    const [aptDir, tmpDir] = [join(dir, 'apt'), join(dir, 'tmp')]
    await mkdir(aptDir, { recursive: true })
    await mkdir(tmpDir)
    return { aptDir, tmpDir }
  }

  test('leaves two signatures and the public key, and nothing else, in the deepest of folders', async () => {
    const { aptDir, tmpDir } = await repository()
    await writeFile(join(aptDir, 'Release'), 'Suite: stable\n')
    const before = gpgFolders()
    await signRelease(key, epoch, { aptDir, keyring }, createExec({ log: silentLog, tmpDir }))
    expect((await readdir(aptDir)).sort()).toEqual(['InRelease', 'Release', 'Release.gpg', keyring])
    execFileSync('gpgv', ['--quiet', '--keyring', join(aptDir, keyring), join(aptDir, 'Release.gpg'), join(aptDir, 'Release')], { stdio: 'ignore' })
    expect(await readdir(tmpDir)).toEqual([])
    expect(gpgFolders().filter((name) => !before.includes(name))).toEqual([])
    expect(signersOf(aptDir)).toEqual([])
  })

  test.skipIf(process.getuid?.() !== 0)('works for root with the key of another user', async () => {
    const { aptDir, tmpDir } = await repository()
    await writeFile(join(aptDir, 'Release'), '\n')
    const theirs = join(tmpDir, 'key.asc')
    await copyFile(key.keyFile, theirs)
    await chmod(theirs, 0o600)
    await chown(theirs, 65534, 65534)
    await signRelease({ ...key, keyFile: theirs }, epoch, { aptDir, keyring }, exec)
    expect(await readdir(aptDir)).toContain('InRelease')
  })

  test('a file that is no secret key is refused', async () => {
    const { tmpDir } = await repository()
    const file = join(tmpDir, 'junk')
    await writeFile(file, 'junk\n')
    expect(await rejection(readSigningKey(file, exec))).toMatchObject({ code: 'E_TARGET', message: 'could not read the signing key: exit status 2', details: expect.stringContaining('no valid OpenPGP data') })
    expect(await readdir(tmpDir)).toEqual(['junk'])
  })

  // A pipe nobody writes to: gpg has the key, its agent runs, and it waits for what it shall sign.
  async function stuckRepository(): Promise<{ aptDir: string; tmpDir: string }> {
    const dirs = await repository()
    execFileSync('mkfifo', [join(dirs.aptDir, 'Release')])
    return dirs
  }
  const agentRuns = (aptDir: string): Promise<void> => vi.waitFor(() => { expect(signersOf(aptDir)).toEqual(expect.arrayContaining(['gpg', 'gpg-agent'])) }, { timeout: 15_000, interval: 20 })
  const nothingStays = async (aptDir: string, tmpDir: string, before: readonly string[]): Promise<void> => {
    await vi.waitFor(() => { expect(signersOf(aptDir)).toEqual([]) }, { timeout: 5000, interval: 20 })
    expect(await readdir(aptDir)).toEqual(['Release'])
    expect(await readdir(tmpDir)).toEqual([])
    expect(gpgFolders().filter((name) => !before.includes(name))).toEqual([])
  }

  test('an interrupt in the middle leaves neither agent nor keyring', async () => {
    const { aptDir, tmpDir } = await stuckRepository()
    const before = gpgFolders()
    const interrupt = new AbortController()
    const running = rejection(signRelease(key, epoch, { aptDir, keyring }, createExec({ log: silentLog, tmpDir, signal: interrupt.signal })))
    await agentRuns(aptDir)
    expect(gpgFolders().filter((name) => !before.includes(name))).toEqual([])
    interrupt.abort()
    expect(await running).toMatchObject({ code: 'E_INTERRUPTED' })
    await nothingStays(aptDir, tmpDir, before)
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s to this program in the middle leaves neither agent nor keyring', async (signal) => {
    const { aptDir, tmpDir } = await stuckRepository()
    const before = gpgFolders()
    const script = join(keyDir, `${signal}.mts`)
    const load = (path: string): string => JSON.stringify(join(process.cwd(), path))
    await writeFile(script, [
      `import { signRelease } from ${load('packaging/debs/sign.ts')}`,
      `import { createExec } from ${load('scripts/lib/exec.ts')}`,
      `import { silentLog } from ${load('scripts/lib/log.ts')}`,
      'console.log(`pid ${process.pid}`)',
      `await signRelease(${JSON.stringify(key)}, ${String(epoch)}, ${JSON.stringify({ aptDir, keyring })}, createExec({ log: silentLog, tmpDir: ${JSON.stringify(tmpDir)} }))`,
    ].join('\n'))
    let pid = 0
    const running = rejection(exec([process.execPath, '--import', 'tsx', script], { onLine: (line) => { if (line.startsWith('pid ')) pid = Number(line.slice(4)) } }))
    await agentRuns(aptDir)
    process.kill(pid, signal)
    expect(await running).toMatchObject({ message: expect.stringContaining(`was killed by ${signal}`) })
    await nothingStays(aptDir, tmpDir, before)
  })
})
