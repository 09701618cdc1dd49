import type { StageName } from '../domain/stage-name.ts'
import type { LogEvent } from '../lib/log.ts'
import type { RunOptions } from '../pipeline/run.ts'

type StageEvent = Parameters<NonNullable<RunOptions['onStage']>>[0]

/** What a person sees while a build runs. Only ever on the given stream: standard output is for data. */
export interface Progress extends Disposable {
  emit: (event: LogEvent) => void
  onStage: (event: StageEvent) => void
  /** Lists the stages that will run. Events may come before. */
  start: (stages: readonly { name: StageName; title: string }[]) => void
  /** Ends the display, leaving its last state on the screen; what comes after is printed as lines. Also before a shell is opened. */
  stop: () => void
}

export interface ProgressStream {
  write: (text: string) => unknown
  columns?: number
  rows?: number
  hasColors?: () => boolean
}

/** `0:07`, `12:34`, `1:02:03`. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const parts = seconds < 3600 ? [Math.floor(seconds / 60), seconds % 60] : [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return parts.map((part, index) => index === 0 ? String(part) : String(part).padStart(2, '0')).join(':')
}

/** `12.3 of 45.6 MiB`; the total may be unknown. */
export function mebibytes(done: number, total: number): string {
  const mib = (bytes: number): string => (bytes / 1_048_576).toFixed(1)
  return total > 0 ? `${mib(done)} of ${mib(total)} MiB` : `${mib(done)} MiB`
}
