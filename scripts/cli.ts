import { CommanderError } from 'commander'
import { inspectProgram } from './commands/inspect-verb.ts'
import { describeError } from './lib/describe-error.ts'
import { exitStatus } from './lib/error-codes.ts'
import { ForgeError } from './lib/errors.ts'

// Output must not depend on the caller's umask.
process.umask(0o022)

// A reader that has seen enough (`| head`) ends the words, not the work: the exit status still tells how that went.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.exit(statusOf(error.code === 'ENOSPC' ? new ForgeError('E_DISK_FULL', 'what should be printed cannot be written: the disk is full', { hint: 'free space where the output goes', cause: error }) : error))
  })
}

const interrupt = new AbortController()
let interruptedBy: NodeJS.Signals | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interruptedBy = signal
    interrupt.abort()
  })
}

try {
  const program = process.argv[2] === 'inspect' ? inspectProgram(interrupt.signal) : (await import('./commands/program.ts')).createProgram(interrupt.signal)
  await program.parseAsync()
} catch (error) {
  process.exitCode = statusOf(error)
}

function statusOf(error: unknown): number {
  // commander has printed its own message already; help and version are not errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus.usage
  process.stderr.write(describeError(error))
  if (error instanceof ForgeError && error.code === 'E_INTERRUPTED') return interruptedBy === 'SIGTERM' ? 143 : interruptedBy === 'SIGHUP' ? 129 : 130
  return error instanceof ForgeError ? error.exitStatus : exitStatus.bug
}
