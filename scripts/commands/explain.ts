import type { StageName } from '../domain/stage-name.ts'
import { changedInputs, type StageKey } from '../pipeline/cache-key.ts'
import { prepare } from '../pipeline/prepare.ts'
import { stages } from '../pipeline/stages.ts'
import { loadedTarget, openSession } from './build.ts'
import type { BuildOptions } from './options.ts'

/** Prints whether the store has a stage's result, and if not, which input differs from the last time. */
export async function explain(stage: StageName, options: BuildOptions, signal: AbortSignal): Promise<void> {
  const loaded = await loadedTarget(options)
  await using session = await openSession(options, signal, { emit: () => undefined, stop: () => undefined })
  const prepared = await prepare(loaded, { lockedFile: options.locked, update: options.update === true }, stages, session)
  const key = prepared.keys.find((candidate) => candidate.stage === stage)
  if (!key) return
  const cached = await session.store.find(stage, key.key) !== undefined
  const note = await session.store.readNote(`last-${prepared.lock.target.target}-${stage}.json`)
  const last = note === undefined ? undefined : JSON.parse(note) as StageKey
  const changed = last ? changedInputs(last.inputs, key.inputs) : []
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ stage, key: key.key, cached, inputs: key.inputs, changed }, null, 2)}\n`)
    return
  }
  process.stdout.write(`${stage} ${key.key}\n`)
  if (cached) process.stdout.write('in the store: the next build takes it from there\n')
  else if (!last) process.stdout.write('never built for this target\n')
  else if (changed.length === 0) process.stdout.write('nothing changed, but the store no longer has it: it was removed, or its last run did not end well\n')
  else for (const name of changed) process.stdout.write(`changed: ${name}: ${short(last.inputs[name])} -> ${short(key.inputs[name])}\n`)
}

function short(value: string | undefined): string {
  if (value === undefined) return '(absent)'
  return /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : value
}
