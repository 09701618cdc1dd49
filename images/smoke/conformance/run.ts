import { ForgeError } from '../../../scripts/lib/errors.ts'
import { oneLine, runCheck } from '../checks/check.ts'
import type { RouterDriver } from '../drivers/router-driver.ts'
import type { Wire } from '../lab/wire.ts'
import { Bench } from './bench.ts'
import type { Entry, Limit } from './entry.ts'
import type { ConformanceResult } from './result.ts'
import type { TranslationKind, TranslatorConfig, TranslatorSetup } from './translator.ts'

export interface TableInput {
  entries: readonly Entry[]
  setups: readonly TranslatorSetup[]
  kinds: readonly TranslationKind[]
  wires: { v6: Wire; v4: Wire }
  router: RouterDriver
  scaled: (ms: number) => number
  signal: AbortSignal
  /** Nothing is begun after this much time; what was not reached has failed. */
  limitMs: number
  onResult?: (result: ConformanceResult) => void
}

/**
 * Runs every entry on every setup that it applies to, kind after kind, and takes each setup away again. What an entry finds is a result, never an error.
 * @throws ForgeError E_LAB, E_INTERRUPTED
 */
export async function runTable(input: TableInput): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = []
  const started = performance.now()
  // A limit speaks of what an entry saw, or of a configuration that is refused: one that did not run has simply failed.
  const note = (entry: Entry, setup: TranslatorSetup, kind: TranslationKind, outcome: Pick<ConformanceResult, 'verdict' | 'detail'>, state: 'ran' | 'refused' | 'not reached'): void => {
    const { id, rfc, section, title } = entry
    const known = limitOf(entry, setup, kind)
    const limit = state === 'ran' || (state === 'refused' && known?.refused === true) ? known : undefined
    const result: ConformanceResult = { id, rfc, section, title, setup: setup.name, kind, ...judged(outcome, limit), ...(limit && outcome.verdict !== 'skip' ? { limit: { what: limit.what, source: limit.source } } : {}) }
    results.push(result)
    input.onResult?.(result)
  }
  let lost: string | undefined
  for (const kind of input.kinds) {
    for (const setup of input.setups) {
      const groups = grouped(input.entries, kind)
      const missing = lost === undefined ? await setup.missing(kind) : undefined
      for (const { config, entries } of groups) {
        if (missing === undefined && performance.now() - started > input.limitMs) lost ??= `the table's ${String(input.limitMs / 1000)} s were over`
        if (missing !== undefined || lost !== undefined) {
          for (const entry of entries) note(entry, setup, kind, missing === undefined ? { verdict: 'fail', detail: `not reached: ${lost ?? ''}` } : { verdict: 'skip', detail: missing }, 'not reached')
          continue
        }
        const bench = new Bench({ ...input.wires, setup, config, router: input.router, scaled: input.scaled })
        const refused = await setup.apply(config).then(async () => { await bench.settle('v6') }).then(() => undefined, (error: unknown) => raised(error))
        for (const entry of entries) {
          input.signal.throwIfAborted()
          const outcome = refused === undefined ? await runCheck(entry.id, entry.title, async () => await entry.run(bench).catch((error: unknown) => {
            if (error instanceof ForgeError && error.code === 'E_BOOT') lost = oneLine(error)
            throw error
          })) : { verdict: 'fail' as const, detail: refused }
          note(entry, setup, kind, outcome, refused === undefined ? 'ran' : 'refused')
        }
      }
      if (lost === undefined) await setup.remove()
    }
  }
  return results
}

/** In the order of their first entry, entries with equal configurations. */
export function grouped(entries: readonly Entry[], kind: TranslationKind): { config: TranslatorConfig; entries: Entry[] }[] {
  const groups = new Map<string, { config: TranslatorConfig; entries: Entry[] }>()
  for (const entry of entries) {
    if (!entry.kinds.includes(kind)) continue
    const config = entry.config(kind)
    const key = JSON.stringify(config)
    const group = groups.get(key) ?? { config, entries: [] }
    group.entries.push(entry)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** What an outcome means where it is known that the engine cannot. */
export function judged({ verdict, detail }: Pick<ConformanceResult, 'verdict' | 'detail'>, limit: Limit | undefined): Pick<ConformanceResult, 'verdict' | 'detail'> {
  if (limit === undefined || verdict === 'skip') return { verdict, detail }
  return { verdict: verdict === 'fail' ? 'known-limit' : limit.sometimes === true ? verdict : 'limit-gone', detail }
}

/** What is asked of NAT64 only is asked of its sessions and ports, and it has none. */
const withoutSessions: Limit = { engine: 'tayga', what: 'TAYGA translates addresses, no ports, and keeps no sessions', source: 'https://github.com/apalrd/tayga/blob/0.9.2-10/README' }

export function limitOf({ limits = [], kinds, needsNoSessions }: Entry, { engine, mode }: Pick<TranslatorSetup, 'engine' | 'mode'>, kind: TranslationKind): Limit | undefined {
  const known = limits.find((limit) => limit.engine === engine && (limit.modes?.includes(mode) ?? true) && (limit.kinds?.includes(kind) ?? true))
  return known ?? (engine === 'tayga' && kind === 'nat64' && !kinds.includes('nat46') && needsNoSessions !== true ? withoutSessions : undefined)
}

function raised(error: unknown): string {
  if (error instanceof ForgeError && (error.code === 'E_LAB' || error.code === 'E_INTERRUPTED')) throw error
  return oneLine(error)
}
