import { errorCodes, exitStatus, type ErrorCode, type Fault } from './error-codes.ts'

export interface ErrorDetails {
  /** What the reader can do next: a command to run, a key to change. */
  hint?: string
  cause?: unknown
  /** Longer evidence (a command's last lines, a list of symbols), shown below the message. */
  details?: string
}

/**
 * An error made for a person: a code to look up, what is wrong, why, and what to do next.
 * Whose fault it is follows from the code, so that the exit status and the reference cannot disagree.
 */
export class ForgeError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: string | undefined

  constructor(code: ErrorCode, message: string, { hint, cause, details }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ForgeError'
    this.code = code
    this.hint = hint ?? undefined
    this.details = details ?? undefined
  }

  get fault(): Fault {
    return errorCodes[this.code].fault
  }

  get exitStatus(): number {
    return exitStatus[this.fault]
  }
}

/** @throws ForgeError with `code` when the two differ; `what` names the thing compared. */
export function expectEqual(got: string, want: string, code: ErrorCode, what: string, hint?: string): void {
  if (got !== want) throw new ForgeError(code, `${what} is ${quote(got)}, expected ${quote(want)}`, hint ? { hint } : {})
}

/** True for Node's file errors with this `code` (`ENOENT`, `EEXIST`, …). */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code
}

function quote(text: string): string {
  return `"${text}"`
}
