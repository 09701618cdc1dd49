import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ModulesArtifact } from '../../../kernel/modules/artifact.ts'
import type { ErrorCode } from '../../lib/error-codes.ts'
import { ForgeError } from '../../lib/errors.ts'
import { prepare } from '../../pipeline/prepare.ts'
import { runStages, stageLogs } from '../../pipeline/run.ts'
import { Session } from '../../pipeline/session.ts'
import { stages as allStages } from '../../pipeline/stages.ts'
import { loadTarget } from '../../pipeline/target.ts'
import { targetText, type Cell } from './cells.ts'

export interface CellResult {
  cell: Cell
  /** unreachable: the archive no longer has the kernel. broken: something else than Jool or the archive is at fault, and nothing was found out. */
  verdict: 'built' | 'failed' | 'unreachable' | 'broken'
  release: string
  jool: string
  seconds: number
  /** The compiler's words, or why else it failed. */
  words: string
  crcsChecked: number
}

export interface MatrixOptions {
  storeDir: string
  workDir: string
  signal: AbortSignal
  /** How many cells are built side by side, sharing the processors. Default: one more than there are processors, since a cell also waits for the archive and the disk. */
  atOnce?: number
  onResult?: (result: CellResult) => void
}

export interface MatrixRun {
  results: CellResult[]
  wallSeconds: number
}

const projectDir = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
const stages = allStages.slice(0, allStages.findIndex((stage) => stage.name === 'modules') + 1)

/** Builds all cells, some at a time. Compiles always, also what the store has. */
export async function runMatrix(cells: readonly Cell[], options: MatrixOptions): Promise<MatrixRun> {
  await mkdir(options.workDir, { recursive: true })
  const started = performance.now()
  const processors = availableParallelism()
  const atOnce = Math.min(options.atOnce ?? processors + 1, cells.length)
  const waiting = [...cells.entries()]
  const results: CellResult[] = []
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, cell] = next
      const result = await buildCell(cell, processors, options)
      results[index] = result
      options.onResult?.(result)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { results, wallSeconds: (performance.now() - started) / 1000 }
}

async function buildCell(cell: Cell, jobs: number, { storeDir, workDir, signal }: MatrixOptions): Promise<CellResult> {
  const started = performance.now()
  const result = (more: Pick<CellResult, 'verdict'> & Partial<CellResult>): CellResult =>
    ({ cell, release: '', jool: '', words: '', crcsChecked: 0, ...more, seconds: (performance.now() - started) / 1000 })
  const file = join(workDir, `${cell.row.name}-${cell.joolSuite}.yaml`)
  await writeFile(file, targetText(cell))
  await using session = await Session.open({
    storeDir, outDir: join(workDir, 'out'), projectDir, mirrors: {}, offline: false, keepWorkdir: false, jobs, signal, emit: () => undefined,
  })
  let known: Partial<CellResult> = {}
  try {
    const prepared = await prepare(await loadTarget(file, stages), { update: true }, stages, session)
    const { release, joolVersion } = prepared.plans['modules'] as { release: string; joolVersion: string }
    known = { release, jool: joolVersion }
    const artifact = (await runStages(prepared, { until: 'modules', always: ['modules'] }, stages, session)).at(-1)?.artifact as ModulesArtifact
    return result({ ...known, verdict: 'built', crcsChecked: artifact.crcsChecked })
  } catch (error) {
    if (!(error instanceof ForgeError) || error.code === 'E_INTERRUPTED') throw error
    if (isUnreachable(error)) return result({ ...known, verdict: 'unreachable', words: error.message })
    const words = compilerWords(await readFile(join(stageLogs(session), 'modules.log'), 'utf8').catch(() => ''))
    if (words === undefined && !aboutModules.has(error.code)) return result({ ...known, verdict: 'broken', words: [`${error.code}: ${error.message}`, ...(error.details?.split('\n').slice(-3) ?? [])].join('\n') })
    return result({ ...known, verdict: 'failed', words: words ?? error.message })
  }
}

/** What stands between a version of Jool and a kernel, other than the compiler's errors. */
const aboutModules: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['E_COMPILE', 'E_PATCH', 'E_SYMBOL_MISSING', 'E_SYMBOL_CRC', 'E_VERMAGIC', 'E_MODULE', 'E_UNSUPPORTED', 'E_KERNEL_TOO_NEW'])

/** Whether the archive no longer has the suite, or the suite the kernel; a build root that cannot be put together is another matter. */
export function isUnreachable({ code, message, details = '' }: ForgeError): boolean {
  if (code === 'E_VANISHED') return true
  if (code === 'E_DOWNLOAD') return /\b404\b|does not have a Release file/.test(details)
  return code === 'E_RESOLVE' && /find the package linux-(headers|image)-/.test(message)
}

/** The compiler's errors in a log, without where on this machine they were; undefined when there is none. At most five. */
export function compilerWords(log: string): string | undefined {
  const lines = log.split('\n').flatMap((line) => /^(?:\/build\/jool\/)?(\S+:\d+:\d+: (?:fatal )?error: .*)$/.exec(line)?.[1] ?? (/^ERROR: modpost: (.*)$/.exec(line)?.[0] ?? []))
  const distinct = [...new Set(lines)]
  return distinct.length === 0 ? undefined : [...distinct.slice(0, 5), ...(distinct.length > 5 ? [`and ${String(distinct.length - 5)} more errors`] : [])].join('\n')
}
