import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { program, smallBuild, start, type Running } from '../support/cli.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const tree = async (dir: string): Promise<string[]> => (await readdir(dir, { recursive: true })).sort()
// A program that ended but that nobody waited for (its parent was killed, and pid 1 does not reap) has no command line any more.
const gone = (pid: number): Promise<void> => vi.waitFor(async () => { expect(await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '')).toBe('') }, { timeout: 5000, interval: 20 })

async function saidBy({ child }: Running, words: string): Promise<void> {
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => { said += chunk.toString() })
  await vi.waitFor(() => { expect(said).toContain(words) }, { timeout: 20_000 })
}

/** Nothing of a run may be there but what later runs use. */
async function expectCleanStore(store: string): Promise<void> {
  expect(await readdir(join(store, 'work'))).toEqual([])
  for (const [dir, pattern] of [['artifacts/source', /^[0-9a-f]{64}$/], ['blobs', /^[0-9a-f]{2}$/]] as const) {
    for (const name of await readdir(join(store, dir)).catch(() => [])) expect(name).toMatch(pattern)
  }
}

describe('a build', () => {
  test('is published whole; the second one takes all from the store and changes nothing', async () => {
    const build = await smallBuild(await temporaryFolder())
    const first = await build.run(['--trace', join(build.dir, 'trace')])
    expect(first).toMatchObject({ status: 0, stdout: `${build.out}/sample\n` })
    expect(await tree(join(build.out, 'sample'))).toEqual(['SHA256SUMS', 'lock.yaml', 'logs', 'logs/source.log', 'report.html', 'report.json'])
    expect(await readFile(join(build.out, 'sample/lock.yaml'), 'utf8')).toBe(await readFile(build.lock, 'utf8'))
    const second = await build.run(['--trace', join(build.dir, 'trace'), '--json'])
    expect(JSON.parse(second.stdout)).toMatchObject({ target: 'sample', verdict: 'pass', stages: [{ name: 'source', cached: true, ms: 0 }] })
    expect((await readFile(join(build.dir, 'trace'), 'utf8')).trim().split('\n').map((line) => (JSON.parse(line) as { result: string }).result)).toEqual(['miss', 'hit'])
    expect(await build.calls()).toHaveLength(1)
    await expectCleanStore(build.store)
  })

  test('that two runs make at once on one store is made once', async () => {
    const dir = await temporaryFolder()
    const build = await smallBuild(dir, { gpgv: `until [ -e ${dir}/second-waits ]; do sleep 0.1; done` })
    const first = build.start(['--json'])
    await build.firstCall()
    const second = build.start(['--json', '--out', join(build.dir, 'out2')])
    await saidBy(second, 'waiting for another run that makes source')
    await writeFile(join(dir, 'second-waits'), '')
    const ended = await Promise.all([first.ended, second.ended])
    expect(ended.map(({ status }) => status)).toEqual([0, 0])
    expect(ended.map(({ stdout }) => (JSON.parse(stdout) as { stages: { cached: boolean }[] }).stages[0]?.cached)).toEqual([false, true])
    expect(await build.calls()).toHaveLength(1)
    await expectCleanStore(build.store)
  })

  test('that fails ends non-zero and publishes nothing but its log; the next run starts afresh', async () => {
    const build = await smallBuild(await temporaryFolder(), { gpgv: 'echo BAD signature >&2; exit 1' })
    const { status, stderr, stdout } = await build.run()
    expect([status, stdout]).toEqual([65, ''])
    expect(stderr).toMatch(/BAD signature\n[\s\S]*nat64-forge: E_SIGNATURE: could not verify the signature of Jool's tarball: exit status 1\n {2}next: /)
    expect(await tree(build.out)).toEqual(['sample.failed', 'sample.failed/logs', 'sample.failed/logs/source.log'])
    await build.setGpgv('exit 0')
    expect((await build.run()).status).toBe(0)
    expect((await readdir(build.out)).filter((name) => !name.startsWith('.'))).toEqual(['sample'])
    await expectCleanStore(build.store)
  })
})

describe('a run that is ended from outside', () => {
  test.each([['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const)('by %s exits with %d, leaves no program and no partial result', async (signal, status) => {
    const build = await smallBuild(await temporaryFolder(), { gpgv: 'exec sleep 300' })
    const { child, ended } = build.start()
    const pid = await build.firstCall()
    child.kill(signal)
    const { stderr, ...rest } = await ended
    expect(rest).toEqual({ status, signal: null, stdout: '' })
    expect(stderr).toContain('E_INTERRUPTED: interrupted; what was complete is kept')
    await gone(pid)
    await expect(access(join(build.out, 'sample'))).rejects.toThrow()
    await expect(access(join(build.store, 'artifacts/source'))).rejects.toThrow()
    await expectCleanStore(build.store)
  })

  test('by Ctrl-C while it waits for another run does not wait any longer', async () => {
    const build = await smallBuild(await temporaryFolder(), { gpgv: 'exec sleep 300' })
    const first = build.start()
    await build.firstCall()
    const second = build.start(['--out', join(build.dir, 'out2')])
    await saidBy(second, 'waiting for another run')
    second.child.kill('SIGINT')
    expect((await second.ended).status).toBe(130)
    expect(first.child.exitCode).toBeNull()
    first.child.kill('SIGINT')
    expect((await first.ended).status).toBe(130)
    await expectCleanStore(build.store)
  })

  test('by kill -9 in the middle leaves a store that the next run uses rightly, and no program', async () => {
    const build = await smallBuild(await temporaryFolder(), { gpgv: 'exec sleep 300' })
    const { child, ended } = build.start()
    const pid = await build.firstCall()
    child.kill('SIGKILL')
    expect((await ended).signal).toBe('SIGKILL')
    await gone(pid)
    expect(await readdir(join(build.store, 'work'))).toHaveLength(2)
    await build.setGpgv('exit 0')
    expect(await build.run()).toMatchObject({ status: 0 })
    expect(await build.calls()).toHaveLength(2)
    await expectCleanStore(build.store)
  })
})

// A small disk of its own, in a mount namespace that ends with the programs in it.
describe.skipIf(!needsTools('unshare', 'mount') || process.getuid?.() !== 0)('a full disk', () => {
  test.each([['in the middle of a download', 3 << 20, ''], ['while unpacking', 1 << 20, ''], ['while a program\'s words are logged', 100, 'for i in {1..60000}; do echo "a line of a program that talks far too much: $i"; done >&2; ']])('%s is said, and the store is usable afterwards', async (_when, fillBytes, talk) => {
    const dir = await temporaryFolder()
    const big = await smallBuild(join(dir, 'big'), { fillBytes, gpgv: `${talk}exit 0` })
    const small = await smallBuild(join(dir, 'small'))
    const disk = join(dir, 'disk')
    await mkdir(disk)
    const words = (build: typeof big): string => [process.execPath, program, ...build.words.map((word) => word === build.store ? `${disk}/store` : word)].join(' ')
    const script = [
      `mount -t tmpfs -o size=1600k tmpfs ${disk}`,
      `PATH=${big.bin}:$PATH ${words(big)} >&2; echo "first $?"`,
      `PATH=${small.bin}:$PATH ${words(small)} >&2; echo "second $?"`,
      `ls ${disk}/store/work | wc -l`,
    ].join('\n')
    const { stdout, stderr } = await start(['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script]).ended
    expect(stdout, stderr).toBe('first 69\nsecond 0\n0\n')
    expect(stderr).toMatch(/nat64-forge: E_DISK_FULL: .*\n {2}next: free space, or give another disk with --store DIR/)
    await expect(access(join(big.out, 'sample'))).rejects.toThrow()
    expect(await readdir(join(small.out, 'sample'))).toContain('report.json')
  })

  test('is said also where only a note was to be written', async () => {
    const dir = await temporaryFolder()
    const small = await smallBuild(join(dir, 'small'))
    const disk = join(dir, 'disk')
    await mkdir(disk)
    const words = [process.execPath, program, ...small.words.map((word) => word === small.store ? `${disk}/store` : word)].join(' ')
    const script = [
      `mount -t tmpfs -o size=1600k tmpfs ${disk}; export PATH=${small.bin}:$PATH`,
      `${words} >&2; echo "first $?"`,
      `cat /dev/zero > ${disk}/fill`,
      `${words} >&2; echo "full $?"`,
      `rm ${disk}/fill; ${words} >&2; echo "freed $?"`,
    ].join('\n')
    const { stdout, stderr } = await start(['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script]).ended
    expect(stdout, stderr).toBe('first 0\nfull 69\nfreed 0\n')
    expect(stderr).toContain('nat64-forge: E_DISK_FULL: the disk of')
  })
})
