import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ForgeError } from './errors.ts'
import { interrupted } from './exec.ts'

/**
 * An advisory lock on a file, held by flock(1) until disposed. The kernel drops it when the holder dies,
 * and holder and waiter die with this process, so a killed run never leaves a lock behind.
 */
export interface FileLock extends AsyncDisposable {
  /** False when `wait` was false and somebody else holds the lock. */
  readonly held: boolean
}

export interface LockOptions {
  shared?: boolean
  /** False: answer at once. */
  wait?: boolean
  /** Called when somebody else holds it for more than a moment. */
  onWait?: (() => void) | undefined
  /** Aborting ends the waiting, with E_INTERRUPTED. */
  signal?: AbortSignal | undefined
}

/** setpriv's exit statuses when it cannot become the program. */
const [notExecutable, notFound] = [126, 127]

export async function lockFile(path: string, { shared = false, wait = true, onWait, signal }: LockOptions = {}): Promise<FileLock> {
  if (signal?.aborted) throw interrupted()
  const flags = [shared ? '--shared' : '--exclusive', ...(wait ? [] : ['--nonblock'])]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'flock', ...flags, '--no-fork', path, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  const waiting = onWait ? setTimeout(onWait, 300) : undefined
  const giveUp = (): void => { child.kill() }
  signal?.addEventListener('abort', giveUp, { once: true })
  // flock that refuses is gone before it reads; what it answers is its exit.
  child.stdin.on('error', () => undefined)
  child.stdin.write('held\n')
  const outcome = await new Promise<'held' | 'refused'>((resolve, reject) => {
    const missing = (cause?: Error): void => { reject(new ForgeError('E_HOST_PACKAGES', 'setpriv and flock (package util-linux) cannot be run', { hint: 'nat64-forge doctor', cause })) }
    child.stdout.once('data', () => { resolve('held') })
    child.once('error', missing)
    child.once('exit', (status) => {
      if (status === notExecutable || status === notFound) missing()
      else resolve('refused')
    })
  }).finally(() => {
    clearTimeout(waiting)
    signal?.removeEventListener('abort', giveUp)
  })
  if (outcome === 'refused') {
    if (signal?.aborted) throw interrupted()
    if (wait) throw new ForgeError('E_STORE', `cannot lock ${path}`, { hint: 'check that the folder is writable' })
    return { held: false, [Symbol.asyncDispose]: () => Promise.resolve() }
  }
  return {
    held: true,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.stdin.end()
      await exited
    },
  }
}
