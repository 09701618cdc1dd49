import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ForgeError, isErrno } from '../lib/errors.ts'
import { stageKeys, type StageKey } from './cache-key.ts'
import { readLock, resolveLock, targetDigest, writeLock, type Lock } from './lock.ts'
import type { Session } from './session.ts'
import { fromFileSystem } from './store.ts'
import type { AnyStage } from './stage.ts'
import type { LoadedTarget } from './target.ts'

export interface PrepareOptions {
  /** Build exactly this lock. */
  lockedFile?: string | undefined
  /** Ask anew what is newest. */
  update: boolean
}

/** What will be done: everything but the doing. */
export interface Prepared {
  lock: Lock
  plans: Readonly<Record<string, unknown>>
  keys: readonly StageKey[]
}

/** Lock, plans and keys of a target. Reads the network only when there is no lock yet, or to update it. */
export async function prepare(loaded: LoadedTarget | undefined, options: PrepareOptions, stages: readonly AnyStage[], session: Session): Promise<Prepared> {
  const lock = await obtainLock(loaded, options, stages, session).catch((error: unknown) => {
    throw fromFileSystem(error, session.store.dir)
  })
  const target = { name: lock.target.target, suite: lock.target.suite, architecture: lock.target.architecture, sourceDateEpoch: lock.sourceDateEpoch }
  const plans: Record<string, unknown> = {}
  for (const stage of stages) plans[stage.name] = stage.plan({ target, spec: lock.target[stage.name], locked: lock.stages[stage.name] }, plans)
  const keys = await stageKeys(stages, plans, { projectDir: session.options.projectDir, exec: session.exec })
  return { lock, plans, keys }
}

async function obtainLock(loaded: LoadedTarget | undefined, { lockedFile, update }: PrepareOptions, stages: readonly AnyStage[], session: Session): Promise<Lock> {
  if (lockedFile !== undefined) {
    const text = await readFile(lockedFile, 'utf8').catch((cause: unknown) => {
      throw new ForgeError('E_LOCK', `the lock ${lockedFile} cannot be read`, { hint: 'give the lock.yaml of a successful build', cause })
    })
    const lock = readLock(text, basename(lockedFile), stages)
    if (loaded && targetDigest(loaded.target) !== lock.targetSha256) {
      throw new ForgeError('E_LOCK_STALE', `${basename(lockedFile)} was made for another version of the target ${lock.target.target}`, { hint: 'leave --target out to build what the lock says, or resolve anew with --update' })
    }
    return lock
  }
  if (!loaded) throw new ForgeError('E_BUG', 'neither a target nor a lock was given')
  const note = `lock-${targetDigest(loaded.target)}.yaml`
  if (!update) {
    for (const text of [await published(session.options.outDir, loaded.target.target), await session.store.readNote(note)]) {
      if (text === undefined) continue
      const found = await usable(text, loaded, stages)
      if (typeof found !== 'string') return found
      session.log.note(`the lock of the last build is not used: ${found}`)
    }
  }
  session.log.step('resolving what the target asks for')
  const lock = await resolveLock(loaded.target, stages, {
    archive: session.archive, exec: session.exec, log: session.log, workDir: session.store.workDir, fetch: session.fetch, take: session.take, targetDir: loaded.dir,
  })
  await session.store.writeNote(note, writeLock(lock))
  return lock
}

async function published(outDir: string, target: string): Promise<string | undefined> {
  try {
    return await readFile(join(outDir, target, 'lock.yaml'), 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

async function isStale(lock: Lock, stages: readonly AnyStage[]): Promise<boolean> {
  for (const stage of stages) if (await stage.isStale?.(lock.stages[stage.name]) === true) return true
  return false
}

/** A lock that was found, not asked for: when it does not fit, it is not used, and this says why. */
async function usable(text: string, loaded: LoadedTarget, stages: readonly AnyStage[]): Promise<Lock | string> {
  try {
    const lock = readLock(text, 'lock.yaml', stages)
    if (lock.targetSha256 !== targetDigest(loaded.target)) return 'the target was edited since'
    if (lock.resolvedIn !== undefined && lock.resolvedIn !== loaded.dir) return `it names files of ${lock.resolvedIn}`
    // A source that cannot even be read is for resolving to complain of, where it is asked for.
    const stale = await isStale(lock, stages).catch((error: unknown) => {
      if (error instanceof ForgeError) return true
      throw error
    })
    return stale ? 'the sources it names were edited since' : lock
  } catch (error) {
    if (error instanceof ForgeError && error.code === 'E_LOCK') return error.message
    throw error
  }
}
