import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ForgeError } from './errors.ts'
import { interrupted } from './exec.ts'

/**
 * An advisory lock on a file, held by flock(1) until disposed. The kernel drops it when the holder dies,
 * and the holder dies with this process (its input closes), so a killed run never leaves a lock behind.
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

export async function lockFile(path: string, { shared = false, wait = true, onWait, signal }: LockOptions = {}): Promise<FileLock> {
  if (signal?.aborted) throw interrupted()
  const flags = [shared ? '--shared' : '--exclusive', ...(wait ? [] : ['--nonblock'])]
  const child = spawn('flock', [...flags, '--no-fork', path, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  const waiting = onWait ? setTimeout(onWait, 300) : undefined
  const giveUp = (): void => { child.kill() }
  signal?.addEventListener('abort', giveUp, { once: true })
  // flock that refuses is gone before it reads; what it answers is its exit.
  child.stdin.on('error', () => undefined)
  child.stdin.write('held\n')
  const outcome = await Promise.race([
    once(child.stdout, 'data').then(() => 'held' as const),
    once(child, 'exit').then(() => 'refused' as const),
    once(child, 'error').then((problem: unknown[]) => { throw new ForgeError('E_HOST_PACKAGES', 'flock (package util-linux) cannot be run', { cause: problem[0] }) }),
  ]).finally(() => {
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
      const exited = once(child, 'exit')
      child.stdin.end()
      await exited
    },
  }
}
