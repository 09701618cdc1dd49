import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { DebianArchive, SuiteIndex } from '../../../../scripts/lib/debian-archive.ts'
import { silentLog, type LogEvent } from '../../../../scripts/lib/log.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import { readLock, resolveLock, targetDigest, writeLock, type Lock } from '../../../../scripts/pipeline/lock.ts'
import { prepare } from '../../../../scripts/pipeline/prepare.ts'
import { runStages } from '../../../../scripts/pipeline/run.ts'
import { Session } from '../../../../scripts/pipeline/session.ts'
import type { AnyStage, ResolveDeps } from '../../../../scripts/pipeline/stage.ts'
import { stages } from '../../../../scripts/pipeline/stages.ts'
import { findTarget, loadTarget, type LoadedTarget } from '../../../../scripts/pipeline/target.ts'
import { rejection } from '../../../support/rejection.ts'
import { sampleLock } from '../../../support/sample-lock.ts'
import { stubStage } from '../../../support/stub-stage.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

describe('a lock', () => {
  test('is read back as it was written', () => {
    const lock = sampleLock()
    const text = writeLock(lock)
    expect(readLock(text, 'lock.yaml', stages)).toEqual(lock)
    expect(writeLock(readLock(text, 'lock.yaml', stages))).toBe(text)
  })

  test('names no mirror and no folder of this machine', () => {
    expect(writeLock(sampleLock())).not.toMatch(/https?:\/\/|\/(work|tmp|home|root)\//)
  })

  test.each<[string, (text: string) => string, string, RegExp]>([
    ['whose target was edited', (text) => text.replace('suite: bookworm', 'suite: trixie'), 'E_LOCK', /^lock\.yaml: its target was edited after it was locked$/],
    ['of another version', (text) => text.replace('lockVersion: 1', 'lockVersion: 2'), 'E_LOCK', /^lock\.yaml:2:1 lockVersion: this program reads locks of version 1$/],
    ['with a damaged digest', (text) => text.replace(/sha256: [0-9a-f]{4}/, 'sha256: zzzz'), 'E_LOCK', /^lock\.yaml:\d+:\d+ stages\.source\.dkms\.file\.sha256: /],
    ['with a file name that is a path', (text) => text.replace('fileName: jool-dkms', 'fileName: ../jool-dkms'), 'E_LOCK', /^lock\.yaml:\d+:\d+ stages\.source\.dkms\.file\.fileName: /],
    ['without one of the stages', (text) => text.replace(/^ {2}smoke: \{\}\n(?![\s\S]*^ {2}smoke: \{\})/m, ''), 'E_LOCK', /^lock\.yaml:\d+:\d+ stages\.smoke: missing/],
    ['with an unknown key', (text) => text.replace('sourceDateEpoch', 'sourceDateEpoc'), 'E_LOCK', /unknown key; did you mean "sourceDateEpoch"\?/],
    ['that was cut off', (text) => text.slice(0, text.length / 2), 'E_LOCK', /^lock\.yaml:\d+:\d+ /],
    ['that is empty', () => '', 'E_LOCK', /^lock\.yaml:1:1 lockVersion: /],
  ])('%s is refused', async (_what, edit, code, message) => {
    const error = await rejection(() => readLock(edit(writeLock(sampleLock())), 'lock.yaml', stages))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

const index = (parts: Partial<SuiteIndex> = {}): SuiteIndex => parts as SuiteIndex
const archive = (dateEpoch: number): DebianArchive => ({ open: () => Promise.resolve(index({ dateEpoch })) })

test('resolving hands each stage what the earlier ones resolved to, and takes the archive\'s date', async () => {
  const seen: unknown[] = []
  const stage = (name: 'source' | 'headers', version: string): AnyStage => stubStage(name, { resolve: (input) => { seen.push(structuredClone(input)); return Promise.resolve({ version }) } })
  const list = [stage('source', '1'), stage('headers', '2')]
  const target = { target: 't', description: '', suite: 'bookworm', architecture: 'amd64', source: { note: 'a' }, headers: { note: 'b' } } as unknown as Lock['target']
  const lock = await resolveLock(target, list, { archive: archive(42), log: silentLog } as unknown as ResolveDeps)
  expect(lock).toEqual({ lockVersion: 1, targetSha256: targetDigest(target), sourceDateEpoch: 42, target, stages: { source: { version: '1' }, headers: { version: '2' } } })
  const facts = { name: 't', suite: 'bookworm', architecture: 'amd64' }
  expect(seen).toEqual([{ target: facts, spec: { note: 'a' }, before: {} }, { target: facts, spec: { note: 'b' }, before: { source: { version: '1' } } }])
})

describe('a target', () => {
  test.each([['debian-12', 'bookworm'], ['debian-13', 'trixie']])('%s is shipped and right', async (name, suite) => {
    const { target, dir } = await loadTarget(await findTarget(name, process.cwd()), stages)
    expect([target.target, target.suite, target.architecture, dir]).toEqual([name, suite, 'amd64', join(process.cwd(), 'images/targets')])
  })

  test('that does not exist is named, with the way to those that do', async () => {
    expect(await rejection(findTarget('debian-99', '/project'))).toMatchObject({ code: 'E_TARGET_UNKNOWN', exitStatus: 64, message: 'there is no target debian-99: /project/images/targets/debian-99.yaml does not exist', hint: expect.stringContaining('nat64-forge targets') })
    expect(await rejection(findTarget('./mine.yaml', '/project'))).toMatchObject({ code: 'E_TARGET_UNKNOWN' })
  })

  test('given by file is found by its path, also without .yaml in a folder', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'mine'), '')
    await mkdir(join(dir, 'folder.yaml'))
    expect(await findTarget(join(dir, 'mine'), '/project')).toBe(join(dir, 'mine'))
    expect(await rejection(findTarget(join(dir, 'folder.yaml'), '/project'))).toMatchObject({ code: 'E_TARGET_UNKNOWN' })
  })

  test('without a name is ours, or debian-12', async () => {
    expect(await findTarget(undefined, process.cwd())).toBe(join(process.cwd(), 'images/targets/debian-12.yaml'))
  })
})

describe('preparing', () => {
  const list: readonly AnyStage[] = ['source', 'headers'].map((name) => stubStage(name as 'source'))
  const counted = (calls: string[]): AnyStage[] => list.map((stage) => ({ ...stage, resolve: () => { calls.push(stage.name); return Promise.resolve({ version: String(calls.length) }) } }))

  async function setting(given: { offline?: boolean } = {}) {
    const dir = await temporaryFolder()
    const events: LogEvent[] = []
    const session = await Session.open({
      storeDir: join(dir, 'store'), outDir: join(dir, 'out'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false, jobs: 1,
      signal: new AbortController().signal, emit: (event) => events.push(event), ...given,
    })
    // The real archive is the network.
    Object.assign(session, { archive: archive(1000) })
    return { dir, session, events }
  }
  const loaded = (note = ''): LoadedTarget => ({ file: 't.yaml', dir: '/', target: { target: 't', description: '', suite: 'bookworm', architecture: 'amd64', source: { note }, headers: { note } } as unknown as Lock['target'] })

  test('resolves once; then the lock answers, until the target changes or --update asks anew', async () => {
    const { session } = await setting()
    const calls: string[] = []
    const stagesOf = counted(calls)
    const first = await prepare(loaded(), { update: false }, stagesOf, session)
    expect(first.plans).toEqual({ source: { version: '1' }, headers: { version: '2' } })
    expect((await prepare(loaded(), { update: false }, stagesOf, session)).lock).toEqual(first.lock)
    expect(calls).toHaveLength(2)
    expect((await prepare(loaded('changed'), { update: false }, stagesOf, session)).plans).toEqual({ source: { version: '3' }, headers: { version: '4' } })
    expect((await prepare(loaded(), { update: true }, stagesOf, session)).plans).toEqual({ source: { version: '5' }, headers: { version: '6' } })
    await session[Symbol.asyncDispose]()
  })

  test('takes the published lock before any other, unless it does not fit', async () => {
    const { dir, session } = await setting()
    const calls: string[] = []
    const { lock } = await prepare(loaded(), { update: false }, counted(calls), session)
    await mkdir(join(dir, 'out/t'), { recursive: true })
    await writeFile(join(dir, 'out/t/lock.yaml'), writeLock({ ...lock, sourceDateEpoch: 7 }))
    expect((await prepare(loaded(), { update: false }, list, session)).lock.sourceDateEpoch).toBe(7)
    await writeFile(join(dir, 'out/t/lock.yaml'), 'lockVersion: 0\n')
    expect((await prepare(loaded(), { update: false }, list, session)).lock.sourceDateEpoch).toBe(1000)
    await session[Symbol.asyncDispose]()
  })

  test('a lock that names files beside the target is not used for a target elsewhere, be it written the same', async () => {
    const { session, events } = await setting()
    const beside = list.map((stage) => ({ ...stage, resolve: (_input: unknown, { targetDir }: ResolveDeps) => Promise.resolve({ version: join(targetDir, 'jool') }) }))
    const inFolder = async (dir: string) => (await prepare({ ...loaded(), dir }, { update: false }, beside, session)).plans['source']
    expect(await inFolder('/a')).toEqual({ version: '/a/jool' })
    expect(await inFolder('/b')).toEqual({ version: '/b/jool' })
    expect(events.map((event) => 'text' in event ? event.text : '')).toContain('the lock of the last build is not used: it names files of /a')
    await session[Symbol.asyncDispose]()
  })

  test('sources of the last build that are gone are looked for anew, not complained of', async () => {
    const { session } = await setting()
    const calls: string[] = []
    const gone = counted(calls).map((stage) => ({ ...stage, isStale: () => Promise.reject(new ForgeError('E_SOURCE', 'gone')) }))
    await prepare(loaded(), { update: false }, gone, session)
    await prepare(loaded(), { update: false }, gone, session)
    expect(calls).toHaveLength(4)
    await session[Symbol.asyncDispose]()
  })

  test('builds exactly what --locked says, and refuses it for a target that changed', async () => {
    const { dir, session } = await setting()
    const { lock } = await prepare(loaded(), { update: false }, list, session)
    const lockedFile = join(dir, 'given.yaml')
    await writeFile(lockedFile, writeLock({ ...lock, sourceDateEpoch: 5 }))
    expect((await prepare(undefined, { update: false, lockedFile }, list, session)).lock.sourceDateEpoch).toBe(5)
    expect((await prepare(loaded(), { update: false, lockedFile }, list, session)).lock.sourceDateEpoch).toBe(5)
    expect(await rejection(prepare(loaded('changed'), { update: false, lockedFile }, list, session))).toMatchObject({ code: 'E_LOCK_STALE', message: 'given.yaml was made for another version of the target t' })
    expect(await rejection(prepare(undefined, { update: false, lockedFile: join(dir, 'absent') }, list, session))).toMatchObject({ code: 'E_LOCK' })
    await session[Symbol.asyncDispose]()
  })

  test('offline without a lock is an error, not an attempt', async () => {
    const { session } = await setting({ offline: true })
    const real = await Session.open({ ...session.options, offline: true })
    const asking = list.map((stage) => ({ ...stage, resolve: async (_input: unknown, deps: ResolveDeps) => { await deps.archive.open('bookworm', 'amd64'); return { version: '1' } } }))
    expect(await rejection(prepare(loaded(), { update: false }, asking, real))).toMatchObject({ code: 'E_OFFLINE', exitStatus: 69 })
    await real[Symbol.asyncDispose]()
    await session[Symbol.asyncDispose]()
  })

  test('and running: a stage sees the artifacts it reads; a second run takes all from the store', async () => {
    const { dir, session } = await setting()
    const seen: unknown[] = []
    const running: AnyStage[] = [
      stubStage('source', { run: async (plan, { outDir }) => { await writeFile(join(outDir, 'f'), 'x'); return { from: plan } } }),
      stubStage('headers', { reads: ['source'], run: (_plan, { before, fetch: _fetch, ...deps }) => { seen.push(before); deps.log.note('seen'); return Promise.resolve({ ok: true }) } }),
      stubStage('modules', { run: () => Promise.reject(new Error('not wanted')) }),
    ]
    const target = { ...loaded(), target: { ...loaded().target, modules: { note: '' } } }
    const prepared = await prepare(target, { update: false }, running, session)
    const events: unknown[] = []
    const run = () => runStages(prepared, { until: 'headers', traceFile: join(dir, 'trace'), onStage: ({ stage, state, cached }) => events.push([stage, state, cached]) }, running, session)
    const [source, headers] = await run()
    expect(seen).toEqual([{ source: { from: { version: '1' }, dir: source?.dir } }])
    expect([headers?.artifact, headers?.cached]).toEqual([{ ok: true }, false])
    expect((await run()).map((result) => [result.name, result.cached, result.ms])).toEqual([['source', true, 0], ['headers', true, 0]])
    expect(events.slice(-4)).toEqual([['source', 'running', undefined], ['source', 'done', true], ['headers', 'running', undefined], ['headers', 'done', true]])
    const { readFile } = await import('node:fs/promises')
    const trace = (await readFile(join(dir, 'trace'), 'utf8')).trim().split('\n').map((line) => z.object({ stage: z.string(), key: z.string(), result: z.string(), ms: z.number() }).parse(JSON.parse(line)))
    expect(trace.map(({ stage, key, result }) => [stage, key, result])).toEqual([['source', source?.key, 'miss'], ['headers', headers?.key, 'miss'], ['source', source?.key, 'hit'], ['headers', headers?.key, 'hit']])
    expect(await readFile(headers?.logFile ?? '', 'utf8')).toBe('-- seen\n')
    await session[Symbol.asyncDispose]()
  })

  test('a stage that is always run makes an entry of its own', async () => {
    const { session } = await setting()
    let runs = 0
    const running = [stubStage('source', { run: () => Promise.resolve({ run: ++runs }) }), stubStage('headers')]
    const prepared = await prepare(loaded(), { update: false }, running, session)
    await runStages(prepared, { until: 'source' }, running, session)
    const [forced] = await runStages(prepared, { until: 'source', always: ['source'] }, running, session)
    expect([forced?.artifact, forced?.cached]).toEqual([{ run: 2 }, false])
    expect((await runStages(prepared, { until: 'source' }, running, session))[0]?.artifact).toEqual({ run: 1 })
    await session[Symbol.asyncDispose]()
  })

  test('what a stage foresees is heard before any runs, and only of those that are wanted', async () => {
    const { session } = await setting()
    const heard: string[] = []
    const running = (['source', 'headers', 'modules'] as const).map((name) => stubStage(name, {
      run: () => { heard.push(`${name} runs`); return Promise.resolve({}) },
      foresee: (plan) => name === 'modules' ? Promise.reject(new ForgeError('E_TARGET', 'it cannot')) : Promise.resolve().then(() => { heard.push(`${name} ${JSON.stringify(plan)}`) }),
    }))
    const target = { ...loaded(), target: { ...loaded().target, modules: { note: '' } } }
    const prepared = await prepare(target, { update: false }, running, session)
    expect(await rejection(runStages(prepared, { until: 'modules' }, running, session))).toMatchObject({ code: 'E_TARGET' })
    expect(heard.splice(0)).toEqual(['source {"version":"1"}', 'headers {"version":"1"}'])
    await runStages(prepared, { until: 'headers' }, running, session)
    expect(heard).toEqual(['source {"version":"1"}', 'headers {"version":"1"}', 'source runs', 'headers runs'])
    await session[Symbol.asyncDispose]()
  })

  test('a full disk in a stage is reported as such', async () => {
    const { session } = await setting()
    const running = [stubStage('source', { run: () => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })) }), stubStage('headers')]
    const prepared = await prepare(loaded(), { update: false }, running, session)
    expect(await rejection(runStages(prepared, { until: 'source' }, running, session))).toMatchObject({ code: 'E_DISK_FULL', exitStatus: 69, message: `the disk of ${session.store.dir} is full` })
    await session[Symbol.asyncDispose]()
  })
})
