import { createWriteStream, type WriteStream } from 'node:fs'
import { appendFile, copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { StageName } from '../domain/stage-name.ts'
import { canonicalJson, sha256Of } from '../lib/digest.ts'
import { ForgeError } from '../lib/errors.ts'
import type { LogEvent } from '../lib/log.ts'
import { removeFolder } from '../lib/user-namespace.ts'
import type { StageKey } from './cache-key.ts'
import type { Prepared } from './prepare.ts'
import type { Session } from './session.ts'
import { fromFileSystem } from './store.ts'
import type { AnyStage, RunDeps } from './stage.ts'

export interface StageResult {
  name: StageName
  key: string
  cached: boolean
  ms: number
  artifact: unknown
  /** The folder with the artifact's files. */
  dir: string
  logFile: string
}

export interface RunOptions {
  until: StageName
  /** Run these even if the store has their result. */
  always?: readonly StageName[]
  /** A file for one JSON line a stage: stage, key, hit or miss, milliseconds. */
  traceFile?: string | undefined
  onStage?: (event: { stage: StageName; state: 'running' | 'done' | 'failed'; cached?: boolean; ms?: number }) => void
}

/** Runs the stages up to `until`, each found in the store or made. */
export async function runStages(prepared: Prepared, options: RunOptions, stages: readonly AnyStage[], session: Session): Promise<StageResult[]> {
  for (const stage of stages.slice(0, stages.findIndex(({ name }) => name === options.until) + 1)) {
    await stage.foresee?.(prepared.plans[stage.name], session.logFor(stage.name, () => undefined))
  }
  const results: StageResult[] = []
  for (const stage of stages) {
    const started = performance.now()
    const key = keyOf(prepared, stage.name)
    options.onStage?.({ stage: stage.name, state: 'running' })
    try {
      const result = await runStage(stage, key, prepared, options, results, session)
      results.push(result)
      await trace(options, { stage: stage.name, key: key.key, result: result.cached ? 'hit' : 'miss', ms: Math.round(performance.now() - started) })
      options.onStage?.({ stage: stage.name, state: 'done', cached: result.cached, ms: result.ms })
    } catch (error) {
      await trace(options, { stage: stage.name, key: key.key, result: 'failed', ms: Math.round(performance.now() - started) })
      options.onStage?.({ stage: stage.name, state: 'failed' })
      throw fromFileSystem(error, session.store.dir)
    }
    if (stage.name === options.until) break
  }
  return results
}

async function runStage(stage: AnyStage, key: StageKey, prepared: Prepared, options: RunOptions, results: readonly StageResult[], session: Session): Promise<StageResult> {
  const started = performance.now()
  const { store } = session
  // A forced run is an entry of its own: what is already in the store stays as it was.
  const entryKey = options.always?.includes(stage.name) === true ? sha256Of(`${key.key} ${store.workDir} ${String(Date.now())}`) : key.key
  const entry = await store.obtain(stage.name, entryKey, async (outDir) => {
    const logFile = stageLog(session, stage.name)
    await mkdir(join(store.workDir, 'logs'), { recursive: true })
    const file = createWriteStream(logFile, { flags: 'w' })
    // Watched from the start: on a full disk the log fails first, in the middle of the stage.
    let logProblem: Error | undefined
    file.on('error', (error) => { logProblem = error })
    const closed = new Promise<void>((done) => { file.once('close', done) })
    const workDir = join(store.workDir, `work-${stage.name}`)
    try {
      await mkdir(workDir, { recursive: true })
      const artifact = await stage.run(prepared.plans[stage.name], depsOf(stage, prepared.plans[stage.name], session, { outDir, workDir, file, results }))
      if (logProblem) throw logProblem
      return { artifact, inputs: key.inputs, ms: Math.round(performance.now() - started), reusable: stage.reusable?.(artifact) ?? true }
    } catch (error) {
      await keepEvidence(outDir, stageLogs(session))
      throw error
    } finally {
      file.end()
      await closed
      if (!session.options.keepWorkdir) await removeFolder(workDir)
      await copyFile(logFile, join(outDir, '..', 'stage.log')).catch(() => undefined)
    }
  }, () => { session.log.step(`waiting for another run that makes ${stage.name}`) })
  await store.writeNote(`last-${prepared.lock.target.target}-${stage.name}.json`, JSON.stringify(key))
  return { name: stage.name, key: key.key, cached: entry.hit, ms: entry.hit ? 0 : Math.round(performance.now() - started), artifact: entry.artifact, dir: entry.dir, logFile: join(entry.dir, '..', 'stage.log') }
}

/** Where the stages' logs grow while they run, and what a failed stage leaves for people to read. */
export function stageLogs(session: Session): string {
  return join(session.store.workDir, 'logs')
}

function stageLog(session: Session, stage: StageName): string {
  return join(stageLogs(session), `${stage}.log`)
}

/** Consoles and captures of a stage that broke: its folder does not become an artifact, and is gone soon. */
async function keepEvidence(outDir: string, to: string): Promise<void> {
  for (const name of await readdir(outDir)) {
    if (/\.(log|pcap)$/.test(name)) await copyFile(join(outDir, name), join(to, name)).catch(() => undefined)
  }
}

function depsOf(stage: AnyStage, plan: unknown, session: Session, { outDir, workDir, file, results }: { outDir: string; workDir: string; file: WriteStream; results: readonly StageResult[] }): RunDeps<unknown> {
  const { store, options } = session
  const log = session.logFor(stage.name, (event) => { file.write(logLine(event)) })
  const exec = session.execFor(log)
  const before: Record<string, unknown> = {}
  for (const name of [...stage.reads, ...stage.alsoReads?.(plan) ?? []]) {
    const result = results.find((candidate) => candidate.name === name)
    if (!result) throw new ForgeError('E_BUG', `${stage.name} needs ${name}, which has not run`)
    before[name] = { ...(result.artifact as object), dir: result.dir }
  }
  return {
    before, exec, log, signal: options.signal, workDir, outDir, projectDir: options.projectDir, jobs: options.jobs,
    fetch: session.fetchFor(log, exec),
    shared: async (kind, recipe, build) => {
      const key = sha256Of(canonicalJson(recipe))
      const entry = await store.obtain(kind, key, async (dir) => {
        await build(dir)
        return { artifact: {}, inputs: { recipe: key }, ms: 0 }
      }, () => { log.step(`waiting for another run that makes the ${kind}`) })
      return entry.dir
    },
  }
}

function logLine(event: LogEvent): string {
  return event.kind === 'bytes' ? '' : event.kind === 'command' ? `$ ${event.text}\n` : event.kind === 'output' ? `${event.text}\n` : `-- ${event.text}\n`
}

function keyOf(prepared: Prepared, stage: StageName): StageKey {
  const key = prepared.keys.find((candidate) => candidate.stage === stage)
  if (!key) throw new ForgeError('E_BUG', `no key for ${stage}`)
  return key
}

async function trace({ traceFile }: RunOptions, line: object): Promise<void> {
  if (traceFile !== undefined) await appendFile(traceFile, `${JSON.stringify(line)}\n`)
}
