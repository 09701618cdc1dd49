import { appendFile, copyFile, mkdir, readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { IsoSpec } from '../../images/iso/spec.ts'
import type { StageName } from '../domain/stage-name.ts'
import { openDebugShell } from '../lib/debug-shell.ts'
import { ForgeError } from '../lib/errors.ts'
import { prepare, type Prepared } from '../pipeline/prepare.ts'
import { refuseForeign, removeOutput } from '../pipeline/publish.ts'
import type { BuildReport } from '../pipeline/report/report.ts'
import { runStages, stageLogs } from '../pipeline/run.ts'
import { Session } from '../pipeline/session.ts'
import { stages } from '../pipeline/stages.ts'
import { findTarget, loadTarget, type LoadedTarget } from '../pipeline/target.ts'
import { requireHostTools } from './doctor.ts'
import type { BuildOptions } from './options.ts'
import { output } from './output.ts'
import type { Progress } from './progress-display.ts'
import { createProgress } from './progress.ts'

export const projectDir = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** What a command that builds prints on standard output. */
export async function build(until: StageName, options: BuildOptions, signal: AbortSignal, { always = [] }: { always?: readonly StageName[] } = {}): Promise<void> {
  const wanted = stages.slice(0, stages.findIndex((stage) => stage.name === until) + 1)
  await checkTrace(options.trace)
  const loaded = await loadedTarget(options)
  if (options.dryRun !== true) await requireHostTools(wanted)
  using progress = createProgress({ stream: process.stderr, isTerminal: process.stderr.isTTY, verbose: options.verbose === true })
  await using session = await openSession(options, signal, progress)
  const prepared = await prepare(loaded, { lockedFile: options.locked, update: options.update === true }, stages, session)
  if (options.dryRun === true) {
    process.stdout.write(`${JSON.stringify(dryRun(prepared, until), null, 2)}\n`)
    return
  }
  // What would stop the run at its end is better said before it starts.
  await refuseForeign(join(options.out, prepared.lock.target.target))
  progress.start(wanted.map(({ name, title }) => ({ name, title })))
  let report: BuildReport
  try {
    const results = await runStages(prepared, { until, always, traceFile: options.trace, onStage: progress.onStage }, wanted, session)
    report = await output(prepared, results, options.out, signal)
  } catch (error) {
    throw await withLogs(error, stageLogs(session), join(options.out, `${prepared.lock.target.target}.failed`))
  } finally {
    progress.stop()
  }
  if (options.json === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else process.stdout.write(`${join(options.out, prepared.lock.target.target)}\n`)
  if (report.verdict === 'fail') throw smokeFailure(report, join(options.out, `${report.target}.failed`))
}

async function checkTrace(file: string | undefined): Promise<void> {
  if (file === undefined) return
  await appendFile(file, '').catch((cause: unknown) => {
    throw new ForgeError('E_USAGE', `the trace ${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, { hint: 'give a file in a folder that exists', cause })
  })
}

export async function loadedTarget(options: Pick<BuildOptions, 'target' | 'locked' | 'fast'>): Promise<LoadedTarget | undefined> {
  // A lock holds its target; a target file beside it is only compared.
  if (options.locked !== undefined && options.target === undefined) return undefined
  const loaded = await loadTarget(await findTarget(options.target, projectDir), stages)
  if (options.fast !== true) return loaded
  const spec = loaded.target.iso as IsoSpec
  // An image that is there has its own compression, and little of it is packed anew.
  if (spec.kind === 'existing') return loaded
  const iso = { ...spec, compression: 'fast' }
  return { ...loaded, target: { ...loaded.target, iso } }
}

export function openSession(options: BuildOptions, signal: AbortSignal, progress: Pick<Progress, 'emit' | 'stop'>): Promise<Session> {
  if (options.debugShell === true && !process.stdin.isTTY) {
    throw new ForgeError('E_USAGE', '--debug-shell needs a terminal', { hint: 'leave it out in scripts; --keep-workdir keeps what the step saw' })
  }
  return Session.open({
    storeDir: options.store, outDir: options.out, projectDir,
    mirrors: {
      ...(options.debianMirror === undefined ? {} : { debian: options.debianMirror }),
      ...(options.debianSecurityMirror === undefined ? {} : { security: options.debianSecurityMirror }),
    },
    mirrorDir: options.mirror, offline: options.offline === true, keepWorkdir: options.keepWorkdir === true,
    jobs: availableParallelism(), signal, emit: progress.emit,
    onCommandFailed: options.debugShell === true ? (argv, cwd, error) => { progress.stop(); return openDebugShell(argv, cwd, error) } : undefined,
  })
}

function dryRun({ lock, plans, keys }: Prepared, until: StageName): object {
  const names = stages.map((stage) => stage.name)
  const wanted = names.slice(0, names.indexOf(until) + 1)
  return {
    target: lock.target.target,
    sourceDateEpoch: lock.sourceDateEpoch,
    stages: wanted.map((name) => ({ name, key: keys.find((key) => key.stage === name)?.key, plan: plans[name] })),
  }
}

/** What a failed run left to read outlives its scratch folder. An interrupt leaves nothing. */
async function withLogs(error: unknown, from: string, to: string): Promise<unknown> {
  if (error instanceof ForgeError && error.code === 'E_INTERRUPTED') return error
  const names = await readdir(from).catch(() => [])
  if (names.length === 0) return error
  try {
    await removeOutput(to)
    await mkdir(join(to, 'logs'), { recursive: true })
    for (const name of names) await copyFile(join(from, name), join(to, 'logs', name))
  } catch {
    // The error itself matters more than where its log lies.
    return error
  }
  return withKept(error, `logs: ${join(to, 'logs')} (${names.join(', ')})`)
}

/** The error, with where its evidence was kept. */
export function withKept(error: unknown, kept: string): ForgeError {
  if (error instanceof ForgeError) return new ForgeError(error.code, error.message, { cause: error.cause, ...(error.hint === undefined ? {} : { hint: error.hint }), details: [error.details, kept].filter((part) => part !== undefined).join('\n') })
  const [message, stack] = error instanceof Error ? [error.message, error.stack] : [String(error), undefined]
  return new ForgeError('E_BUG', message, { cause: error, details: [stack, kept].filter((part) => part !== undefined).join('\n'), hint: 'report it with the command and the files above' })
}

export function smokeFailure(report: BuildReport, evidenceDir: string): ForgeError {
  const failed = report.smoke?.checks.filter((check) => check.verdict === 'fail') ?? []
  return new ForgeError('E_SMOKE', `${String(failed.length)} of ${String(report.smoke?.checks.length ?? 0)} checks failed: ${failed.slice(0, 5).map((check) => check.id).join(', ')}`, {
    hint: `console, journal and captures are in ${evidenceDir}`,
    details: failed.map((check) => `${check.id}: ${check.detail}`).join('\n'),
  })
}
