import { parse, stringify } from 'yaml'
import { z } from 'zod'
import type { Sha256 } from '../domain/digest.ts'
import type { StageName } from '../domain/stage-name.ts'
import { canonicalJson, sha256Of } from '../lib/digest.ts'
import { ForgeError } from '../lib/errors.ts'
import { parseSpec } from '../lib/parse-spec.ts'
import type { AnyStage, ResolveDeps } from './stage.ts'
import { targetSchema, type Target } from './target.ts'

/** Exact versions, file names and digests: what a target means, fixed. Built from again, it gives the same bytes. */
export interface Lock {
  lockVersion: 1
  /** Digest of `target`, to notice a target that changed since. */
  targetSha256: Sha256
  /** Seconds since 1970; the archive's date when the lock was made, and every time stamp in the output. */
  sourceDateEpoch: number
  target: Target
  stages: Record<StageName, unknown>
  /** The folder of the target's file, where the lock names files of this machine: relative paths mean others elsewhere. */
  resolvedIn?: string | undefined
}

export function targetDigest(target: Target): Sha256 {
  return sha256Of(canonicalJson(target))
}

/** Turns a target into a lock: the only step that asks what is newest. */
export async function resolveLock(target: Target, stages: readonly AnyStage[], deps: ResolveDeps): Promise<Lock> {
  const facts = { name: target.target, suite: target.suite, architecture: target.architecture }
  const locked: Record<string, unknown> = {}
  for (const stage of stages) locked[stage.name] = await stage.resolve({ target: facts, spec: target[stage.name], before: locked }, deps)
  const { dateEpoch } = await deps.archive.open(target.suite, target.architecture)
  const local = namesLocalFiles(locked) ? { resolvedIn: deps.targetDir } : {}
  return { lockVersion: 1, targetSha256: targetDigest(target), sourceDateEpoch: dateEpoch, ...local, target, stages: locked }
}

/** Files in an archive have relative paths, files of this machine absolute ones. */
function namesLocalFiles(locked: unknown): boolean {
  return /"(\/|file:\/\/)/.test(JSON.stringify(locked))
}

export function writeLock(lock: Lock): string {
  return `# Written by nat64-forge. Build exactly this again with: nat64-forge build --locked THIS_FILE\n${stringify(lock, { lineWidth: 0, aliasDuplicateObjects: false })}`
}

/** @throws ForgeError E_LOCK with line and column */
export function readLock(text: string, fileName: string, stages: readonly AnyStage[]): Lock {
  const schema = z.strictObject({
    lockVersion: z.literal(1, { error: 'this program reads locks of version 1' }),
    targetSha256: z.string().transform((digest) => digest as Sha256),
    sourceDateEpoch: z.number().int().positive(),
    resolvedIn: z.string().optional(),
    target: targetSchema(stages),
    stages: z.strictObject(Object.fromEntries(stages.map((stage) => [stage.name, stage.locked]))),
  })
  const lock = parseSpec(text, fileName, schema, 'E_LOCK') as unknown as Lock
  // Of the target as it was written: a newer program may know defaults that the lock does not name.
  const written = (parse(text) as { target: Target }).target
  if (targetDigest(written) !== lock.targetSha256) {
    throw new ForgeError('E_LOCK', `${fileName}: its target was edited after it was locked`, { hint: 'edit the target file instead, and resolve anew with --update' })
  }
  return lock
}
