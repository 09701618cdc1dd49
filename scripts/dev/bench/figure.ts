import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createExec, type Argv, type Exec } from '../../lib/exec.ts'
import { silentLog } from '../../lib/log.ts'

/** One line of the benchmark's output. */
export interface Figure {
  id: string
  value: number
  unit: 's' | 'ms' | 'min' | 'ratio' | 'MB' | 'kpps' | 'Mbit/s' | 'each' | 'exponent'
  /** What the value is compared with, or the bound it must keep. */
  against: string
}

export interface BenchContext {
  workDir: string
  /** A store that the measures share; filled by the first that needs it. */
  storeDir: string
  /** A router image given with --image, for measures that look into one. */
  image?: string
  /** Progress, for people. */
  say: (line: string) => void
}

export type Measure = (context: BenchContext) => Promise<Figure[]>

export const projectDir = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
export const exec: Exec = createExec({ log: silentLog })

/** Runs the program as a user would. Resolves to seconds and the peak memory of its Node process. */
export async function runForge(words: readonly string[], context: BenchContext): Promise<{ seconds: number; peakMb: number }> {
  const report = join(context.workDir, 'peak-rss')
  // By its own first line, which says how Node is called.
  const argv: Argv = [join(projectDir, 'scripts/nat64-forge.mjs'), ...words]
  const { seconds } = await timed(() => exec(argv, { env: { PEAK_RSS_FILE: report, NODE_OPTIONS: `--require ${JSON.stringify(join(projectDir, 'scripts/dev/bench/peak-rss.cjs'))}` }, timeoutMs: 60 * 60_000, cwd: context.workDir, doing: `run nat64-forge ${words[0] ?? ''}` }))
  const { stdout } = await exec(['cat', report])
  return { seconds, peakMb: Math.round(Number(stdout) / 1000) }
}

export async function timed(work: () => Promise<unknown>): Promise<{ seconds: number }> {
  const started = performance.now()
  await work()
  return { seconds: (performance.now() - started) / 1000 }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] ?? NaN : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}
