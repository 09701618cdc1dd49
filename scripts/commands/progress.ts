import type { Progress, ProgressStream } from './progress-display.ts'
import { lineProgress } from './progress-lines.ts'
import { treeProgress } from './progress-tree.ts'

export interface ProgressOptions {
  stream: ProgressStream
  /** A terminal gets a tree that changes in place, everything else lines. */
  isTerminal: boolean
  /** Shows commands and what programs print; as lines on a terminal too, since they scroll. */
  verbose: boolean
  /** Milliseconds from any start. */
  now?: () => number
}

export function createProgress({ stream, isTerminal, verbose, now = () => performance.now() }: ProgressOptions): Progress {
  return isTerminal && !verbose && process.env['TERM'] !== 'dumb' ? treeProgress(stream, now) : lineProgress(stream, verbose, now)
}
