import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeLock } from '../../scripts/pipeline/lock.ts'
import { cli, smallBuild } from '../support/cli.ts'
import { sampleLock, targetText } from '../support/sample-lock.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const verbs = ['build', 'source', 'headers', 'modules', 'debs', 'iso', 'smoke', 'inspect', 'doctor', 'targets', 'reference', 'explain', 'store', 'completion']

describe('the command line', () => {
  test('--help lists every verb and shows examples', async () => {
    const { status, stdout, stderr } = await cli(['--help'])
    expect([status, stderr]).toEqual([0, ''])
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^ {2}${verb}\\b`, 'm'))
    expect(stdout).toMatch(/^Examples:\n {2}nat64-forge build /m)
  })

  test('--version is the package\'s', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
    expect(await cli(['--version'])).toEqual({ status: 0, signal: null, stdout: `${version}\n`, stderr: '' })
  })

  test('what it does not understand is a usage error, and names what is wrong', async () => {
    const dir = await temporaryFolder()
    const attempts: [string[], RegExp][] = [
      [['biuld'], /unknown command 'biuld'/],
      [['build', '--targte', 'x'], /unknown option '--targte'/],
      [['build', '--until', 'debz'], /argument 'debz' is invalid. Allowed choices are source, headers, modules, debs, iso, smoke/],
      [['build', '--locked', 'x', '--update'], /cannot be used with option/],
      [['store', 'gc', '--max-size', 'much', '--store', join(dir, 'store')], /E_USAGE: "much" is not a size/],
      [['build', '--target', 'debian-99', '--store', join(dir, 'store')], /E_TARGET_UNKNOWN: there is no target debian-99/],
    ]
    const ended = await Promise.all(attempts.map(([words]) => cli(words, { cwd: dir })))
    expect(ended.map(({ status, stdout }) => [status, stdout])).toEqual(attempts.map(() => [64, '']))
    for (const [index, [, message]] of attempts.entries()) expect(ended[index]?.stderr).toMatch(message)
    expect(await readdir(dir)).toEqual([])
  })

  test('a mistake in a target file is named with line and column, and nothing is begun', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'nat64-forge.yaml'), `${targetText}headers:\n  provider: debian\n  flavuor: amd64\niso:\n  hostname: 7!\n`)
    const { status, stderr } = await cli(['build', '--store', join(dir, 'store'), '--offline'], { cwd: dir })
    expect(status).toBe(65)
    expect(stderr).toMatch(/^nat64-forge: E_TARGET: nat64-forge\.yaml:6:3 headers\.flavuor: unknown key; did you mean "flavour"\?\nnat64-forge\.yaml:8:3 iso\.hostname: /m)
    expect(await readdir(dir)).toEqual(['nat64-forge.yaml'])
  })

  test('doctor --json lists every program with its package and reason', async () => {
    const { status, stdout } = await cli(['doctor', '--json'])
    const { tools, aptLine } = JSON.parse(stdout) as { tools: { command: string; package: string; why: string; stages: string[]; present: boolean }[]; aptLine: string | null }
    expect(tools.find((tool) => tool.command === 'dpkg-deb')).toMatchObject({ package: 'dpkg', stages: expect.arrayContaining(['source', 'headers']), present: true })
    expect(tools.every((tool) => tool.package !== '' && tool.why !== '' && tool.stages.length > 0)).toBe(true)
    const missing = tools.filter((tool) => !tool.present)
    expect(aptLine).toBe(missing.length === 0 ? null : `apt-get install --no-install-recommends ${[...new Set(missing.map((tool) => tool.package))].sort().join(' ')}`)
    expect(status).toBe(missing.length === 0 ? 0 : 69)
  })

  test('doctor names what a bare host lacks, with the one line that helps', async () => {
    const dir = await temporaryFolder()
    await mkdir(join(dir, 'bin'))
    const { status, stdout, stderr } = await cli(['doctor'], { env: { PATH: join(dir, 'bin') } })
    expect(status).toBe(69)
    expect(stdout).toMatch(/^MISSING {2}dpkg +unpacks Debian packages \(source, headers/m)
    expect(stderr).toMatch(/ {2}next: apt-get install --no-install-recommends .*\bdpkg\b/)
  })

  test('reference prints what a router\'s configuration can say, for people and for nat64ctl', async () => {
    const [words, json] = await Promise.all([cli(['reference']), cli(['reference', '--json'])])
    expect(words).toMatchObject({ status: 0, stderr: '', stdout: await readFile('test/golden/cli-tree/configuration.md', 'utf8') })
    expect(json).toMatchObject({ status: 0, stderr: '', stdout: await readFile('test/golden/cli-tree/tree.json', 'utf8') })
  })

  test('targets lists what is shipped, and the kernels that are known', async () => {
    const [words, json] = await Promise.all([cli(['targets']), cli(['targets', '--json'])])
    expect(words.stdout.split('\n').map((line) => line.split(/ +/).slice(0, 3))).toEqual(expect.arrayContaining([['debian-12', 'bookworm', 'amd64'], ['debian-13', 'trixie', 'amd64']]))
    const { targets, kernels } = JSON.parse(json.stdout) as { targets: object[]; kernels: object[] }
    expect(targets).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'debian-12', suite: 'bookworm' })]))
    expect(kernels).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'vyos-rolling', signing: 'forced', verified: 'no' }), expect.objectContaining({ name: 'vyos-1.2', suite: null })]))
    expect(words.stdout).toMatch(/^vyos-rolling {10}VyOS rolling release.*not verified\n +Jool 4\.1\.13, built in bookworm; module signatures required\n +needs a call from inside/m)
  })
})

describe('a dry run of a lock, offline and on an empty store', () => {
  async function dryRun(...more: string[]) {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'lock.yaml'), writeLock(sampleLock()))
    const { status, stdout, stderr } = await cli(['build', '--dry-run', '--offline', '--locked', join(dir, 'lock.yaml'), '--store', join(dir, 'store'), '--out', join(dir, 'out'), ...more])
    expect([status, stderr]).toEqual([0, ''])
    expect((await readdir(dir)).sort()).toEqual(['lock.yaml', 'store'])
    return { text: stdout, dir, result: JSON.parse(stdout) as { target: string; sourceDateEpoch: number; stages: { name: string; key: string; plan: unknown }[] } }
  }

  test('prints all plans as JSON with their keys; the same from another store', async () => {
    const [{ text, result, dir }, elsewhere] = await Promise.all([dryRun(), dryRun()])
    expect([result.target, result.sourceDateEpoch, result.stages.map((stage) => stage.name)]).toEqual(['sample', 1_767_225_600, ['source', 'headers', 'modules', 'debs', 'iso', 'smoke']])
    expect(result.stages.every((stage) => /^[0-9a-f]{64}$/.test(stage.key))).toBe(true)
    expect(result.stages[0]?.plan).toEqual(JSON.parse(await readFile('test/golden/plans/source.json', 'utf8')))
    expect(text).not.toContain(dir)
    expect(elsewhere.text).toBe(text)
  })

  test('prints those up to --until only', async () => {
    expect((await dryRun('--until', 'headers')).result.stages.map((stage) => stage.name)).toEqual(['source', 'headers'])
  })

  test('refuses a lock whose target was edited', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'lock.yaml'), writeLock(sampleLock()).replace('suite: bookworm', 'suite: trixie'))
    const { status, stderr } = await cli(['build', '--dry-run', '--offline', '--locked', join(dir, 'lock.yaml'), '--store', join(dir, 'store')])
    expect(status).toBe(65)
    expect(stderr).toContain('E_LOCK: lock.yaml: its target was edited after it was locked')
  })

  test('needs a lock: without one, offline is an error', async () => {
    const dir = await temporaryFolder()
    const { status, stderr, stdout } = await cli(['build', '--dry-run', '--offline', '--target', 'debian-12', '--store', join(dir, 'store'), '--out', join(dir, 'out')])
    expect([status, stdout]).toEqual([69, ''])
    expect(stderr).toContain('E_OFFLINE: the package index is needed, and --offline forbids reading it')
  })
})

test('a dry run of the smoke test of an image prints its plan, and boots nothing', async () => {
  const dir = await temporaryFolder()
  await writeFile(join(dir, 'mine.iso'), 'no image')
  const { status, stdout, stderr } = await cli(['smoke', join(dir, 'mine.iso'), '--dry-run', '--target', 'debian-12', '--store', join(dir, 'store'), '--out', join(dir, 'out')])
  expect([status, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ target: 'mine', stages: [{ name: 'smoke', key: createHash('sha256').update('no image').digest('hex'), plan: { driver: 'auto', boots: [{ firmware: 'bios' }, { firmware: 'uefi' }] } }] })
  expect(await readdir(dir)).toEqual(['mine.iso'])
})

describe('the store and why something would be built', () => {
  test('store show says when there is no store', async () => {
    const dir = await temporaryFolder()
    const { status, stderr } = await cli(['store', 'show', '--store', join(dir, 'none')])
    expect([status, stderr]).toEqual([69, expect.stringContaining(`E_STORE: there is no store at ${join(dir, 'none')}`)])
  })

  test('explain tells never built, built, and which input changed; store shows and frees', async () => {
    const build = await smallBuild(await temporaryFolder())
    const options = ['--locked', build.lock, '--store', build.store, '--offline']
    const explain = async (): Promise<string[]> => (await cli(['explain', 'source', ...options])).stdout.trim().split('\n').slice(1)
    expect(await explain()).toEqual(['never built for this target'])
    expect((await build.run()).status).toBe(0)
    expect(await explain()).toEqual(['in the store: the next build takes it from there'])

    const show = async () => JSON.parse((await cli(['store', 'show', '--json', '--store', build.store])).stdout) as { totalBytes: number; kinds: Record<string, { entries: number }> }
    const { kinds } = await show()
    expect(Object.fromEntries(Object.entries(kinds).map(([kind, { entries }]) => [kind, entries]))).toEqual({ source: 1, downloads: 1 })
    expect((await cli(['store', 'gc', '--max-size', '0', '--store', build.store])).stdout).toBe('removed 2 entries, 0.0 MiB; 0.0 MiB left\n')
    await writeFile(build.lock, (await readFile(build.lock, 'utf8')).replace(/(keyring: .*\s+sha256: )[0-9a-f]{64}/, `$1${'b'.repeat(64)}`))
    const [words, json] = await Promise.all([explain(), cli(['explain', 'source', '--json', ...options])])
    expect(words).toEqual([expect.stringMatching(/^changed: plan: [0-9a-f]{12} -> [0-9a-f]{12}$/)])
    expect(JSON.parse(json.stdout)).toMatchObject({ stage: 'source', cached: false, changed: ['plan'] })
  })
})
