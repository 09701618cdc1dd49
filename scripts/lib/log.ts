import type { StageName } from '../domain/stage-name.ts'

/** Everything a person may be told while a build runs; stdout stays free for data. */
export type LogEvent =
  | { kind: 'step'; stage?: StageName | undefined; text: string }
  | { kind: 'note'; stage?: StageName | undefined; text: string }
  | { kind: 'warning'; stage?: StageName | undefined; text: string }
  | { kind: 'command'; stage?: StageName | undefined; text: string }
  | { kind: 'output'; stage?: StageName | undefined; text: string }
  | { kind: 'bytes'; stage?: StageName | undefined; done: number; total: number }

/** The one door for words: stages and tools write here, the command line decides how it looks. */
export interface Log {
  /** What runs now; replaces the previous step on a terminal. */
  step(text: string): void
  /** Worth keeping on the screen. */
  note(text: string): void
  warn(text: string): void
  /** A command, copy-pasteable; shown with --verbose, always kept in the log file. */
  command(text: string): void
  /** A line that a program printed; shown with --verbose, always kept in the log file. */
  output(line: string): void
  /** Download progress in bytes. */
  bytes(done: number, total: number): void
}

export function createLog(emit: (event: LogEvent) => void, stage?: StageName): Log {
  return {
    step: (text) => { emit({ kind: 'step', stage, text }) },
    note: (text) => { emit({ kind: 'note', stage, text }) },
    warn: (text) => { emit({ kind: 'warning', stage, text }) },
    command: (text) => { emit({ kind: 'command', stage, text }) },
    output: (text) => { emit({ kind: 'output', stage, text }) },
    bytes: (done, total) => { emit({ kind: 'bytes', stage, done, total }) },
  }
}

/** For code whose caller does not listen (tests, quick queries). */
export const silentLog: Log = createLog(() => undefined)
