import { chmod, cp, mkdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Exec } from '../../../../scripts/lib/exec.ts'
import { changedInputs, stageKeys, type StageKey } from '../../../../scripts/pipeline/cache-key.ts'
import type { AnyStage } from '../../../../scripts/pipeline/stage.ts'
import { rejection } from '../../../support/rejection.ts'
import { stubStage } from '../../../support/stub-stage.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const project = {
  'package-lock.json': JSON.stringify({ packages: { 'node_modules/semver': { version: '7.0.0' }, 'node_modules/@scope/x': { version: '1.0.0' } } }),
  'kernel/source/stage.ts': 'import { shared } from \'../../scripts/lib/shared.ts\'\nimport type { T } from \'../../scripts/lib/types.ts\'\nexport const source: T = shared\n',
  'kernel/headers/stage.ts': 'import { only } from \'./only.ts\'\nimport semver from \'semver\'\nimport \'@scope/x/deep\'\nexport const headers = semver(only)\n',
  'kernel/headers/only.ts': 'export const only = 1\n',
  'kernel/modules/stage.ts': 'export const modules = 1\n',
  'scripts/lib/shared.ts': 'export const shared = 1\n',
  'scripts/lib/types.ts': 'export type T = number\n',
  'scripts/lib/unused.ts': 'export const unused = 1\n',
  'assets/root/etc/motd': 'welcome\n',
  'assets/root/bin/tool': '#!/bin/sh\n',
}
const stages: readonly AnyStage[] = [
  stubStage('source', { tools: [{ command: 'gpgv', package: 'gpgv', why: '' }] }),
  stubStage('headers', { assets: ['assets/root'] }),
  stubStage('modules', { reads: ['source'], assets: ['assets/root/etc/motd'] }),
]
const plans = { source: { a: 1, b: [2] }, headers: { a: 1 }, modules: { a: 1 } }
const tools = (versions: Record<string, string>): Exec => (argv) => {
  const known = argv.filter((name) => name in versions).map((name) => `${name} ${versions[name] ?? ''}`)
  return Promise.resolve({ stdout: `${known.join('\n')}\n`, stderr: '', exitStatus: 0 })
}
const exec = tools({ gpgv: '2.2.40-1' })

async function write(dir: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true })
  await writeFile(join(dir, path), text)
}
async function projectFolder(name = 'project'): Promise<string> {
  const dir = join(await temporaryFolder(), name)
  for (const [path, text] of Object.entries(project)) await write(dir, path, text)
  return dir
}
const keys = (dir: string, given: Record<string, unknown> = plans, run = exec, list = stages): Promise<StageKey[]> => stageKeys(list, given, { projectDir: dir, exec: run })
/** Names of the stages whose key differs. */
const differing = (before: readonly StageKey[], after: readonly StageKey[]): string[] => before.filter((key, index) => key.key !== after[index]?.key).map((key) => key.stage)

describe('a stage\'s key', () => {
  test('is the same from two copies of the project, at other times, in other folders', async () => {
    const dir = await projectFolder()
    const copy = join(await temporaryFolder(), 'elsewhere/with another name')
    await cp(dir, copy, { recursive: true })
    for (const path of Object.keys(project)) await utimes(join(copy, path), 1, 1)
    expect(await keys(copy)).toEqual(await keys(dir))
  })

  test('names its inputs, without any path of this machine', async () => {
    const dir = await projectFolder()
    const [source, headers, modules] = await keys(dir)
    const digest = expect.stringMatching(/^[0-9a-f]{64}$/) as string
    expect(source?.inputs).toEqual({ plan: digest, code: digest, 'tool gpgv': '2.2.40-1' })
    expect(headers?.inputs).toEqual({ plan: digest, code: digest, 'asset assets/root': digest })
    expect(modules?.inputs).toEqual({ plan: digest, code: digest, 'asset assets/root/etc/motd': digest, 'artifact source': source?.key })
    expect(JSON.stringify([source, headers, modules])).not.toContain(dir)
  })

  test('does not depend on the order of a plan\'s keys', async () => {
    const dir = await projectFolder()
    expect(differing(await keys(dir), await keys(dir, { ...plans, source: { b: [2], a: 1 } }))).toEqual([])
  })

  const edit = (path: string, text: string) => (dir: string): Promise<void> => write(dir, path, text)
  test.each<[string, (dir: string) => Promise<void>, string[]]>([
    ['its own code', edit('kernel/headers/stage.ts', 'export const headers = 2\n'), ['headers']],
    ['code that it imports', edit('kernel/headers/only.ts', 'export const only = 2\n'), ['headers']],
    ['shared code, and with it what reads the artifact', edit('scripts/lib/shared.ts', 'export const shared = 2\n'), ['source', 'modules']],
    ['an npm package that it imports', edit('package-lock.json', project['package-lock.json'].replace('7.0.0', '7.0.1')), ['headers']],
    ['a scoped npm package that it imports', edit('package-lock.json', project['package-lock.json'].replace('1.0.0', '1.0.1')), ['headers']],
    ['an asset\'s content, for the stages that ship it', edit('assets/root/etc/motd', 'hello\n'), ['headers', 'modules']],
    ['a new file among its assets', edit('assets/root/etc/issue', ''), ['headers']],
    ['an asset that becomes executable', (dir) => chmod(join(dir, 'assets/root/etc/motd'), 0o755), ['headers']],
    ['nothing, when only a type changes', edit('scripts/lib/types.ts', 'export type T = string | number\n'), []],
    ['nothing, when code changes that nobody imports', edit('scripts/lib/unused.ts', 'export const unused = 2\n'), []],
    ['nothing, when an npm package changes that nobody imports', edit('package-lock.json', JSON.stringify({ packages: { ...(JSON.parse(project['package-lock.json']) as { packages: object }).packages, 'node_modules/yaml': { version: '9' } } })), []],
  ])('changes with %s', async (_what, change, changed) => {
    const dir = await projectFolder()
    const before = await keys(dir)
    await change(dir)
    expect(differing(before, await keys(dir))).toEqual(changed)
  })

  test('changes with its plan, and with that of what it reads', async () => {
    const dir = await projectFolder()
    const before = await keys(dir)
    expect(differing(before, await keys(dir, { ...plans, headers: { a: 2 } }))).toEqual(['headers'])
    expect(differing(before, await keys(dir, { ...plans, source: { a: 1, b: [3] } }))).toEqual(['source', 'modules'])
  })

  test('changes with the version of a host tool, and when the tool goes', async () => {
    const dir = await projectFolder()
    const before = await keys(dir)
    expect(differing(before, await keys(dir, plans, tools({ gpgv: '2.2.40-2' })))).toEqual(['source', 'modules'])
    expect((await keys(dir, plans, tools({})))[0]?.inputs['tool gpgv']).toBe('not installed')
  })

  test('may not depend on a stage that comes later', async () => {
    const dir = await projectFolder()
    expect(await rejection(keys(dir, plans, exec, [stubStage('modules', { reads: ['source'] }), stubStage('source')]))).toMatchObject({ code: 'E_BUG', message: 'modules reads source, which does not come before it' })
  })
})

test('the inputs that differ are named, also those that came and went', () => {
  expect(changedInputs({ plan: 'a', code: 'b', 'asset x': 'c' }, { plan: 'a', code: 'B', 'tool y': '1' })).toEqual(['asset x', 'code', 'tool y'])
  expect(changedInputs({ plan: 'a' }, { plan: 'a' })).toEqual([])
})

test('the project\'s own stages have keys, and equal ones the second time', async () => {
  const { stages: real } = await import('../../../../scripts/pipeline/stages.ts')
  const own = Object.fromEntries(real.map((stage) => [stage.name, stage.name === 'source' ? { locked: { provider: 'debian' } } : {}]))
  const first = await keys(process.cwd(), own, tools({}), real)
  expect(first.map((key) => key.stage)).toEqual(['source', 'headers', 'modules', 'debs', 'iso', 'smoke'])
  expect(new Set(first.map((key) => key.inputs['code'])).size).toBe(6)
  expect(await keys(process.cwd(), own, tools({}), real)).toEqual(first)
})
