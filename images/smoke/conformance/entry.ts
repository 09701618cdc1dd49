import type { Bench } from './bench.ts'
import type { Engine, Mode, TranslationKind, TranslatorConfig } from './translator.ts'

/** Something that an engine is known not to do, and who says so. */
export interface Limit {
  engine: Engine
  modes?: readonly Mode[]
  kinds?: readonly TranslationKind[]
  what: string
  /** It shows in some runs only, by what else happened on the router: then a pass is a pass. */
  sometimes?: true
  /** The configuration itself is refused. */
  refused?: true
  /** An issue or a document of the engine; where there is none, the line of its code that does it. */
  source: string
}

/** One line of the table: what a specification asks of a translator, and how to see it. */
export interface Entry {
  /** "rfc7915-46-ttl" */
  id: string
  rfc: number
  section: string
  title: string
  kinds: readonly TranslationKind[]
  /** Entries whose configurations are equal share one. */
  config: (kind: TranslationKind) => TranslatorConfig
  limits?: readonly Limit[]
  /** Asked of stateful translators only, and yet a translator without sessions does it too. */
  needsNoSessions?: true
  /** Seconds that the entry waits for, when time is what it is about. */
  waits?: number
  /** Resolves to what was seen, in a few words. @throws CheckFailed, CheckSkipped */
  run: (bench: Bench) => Promise<string>
}

/** Part of the table. */
export function entries(list: readonly Entry[]): readonly Entry[] {
  return list
}

export const both = ['nat64', 'nat46'] as const
export const stateful = ['nat64'] as const
export const stateless = ['nat46'] as const

/** A line of the code of Jool 4.1.13. */
export function joolSource(place: string): string {
  return `https://github.com/NICMx/Jool/blob/v4.1.13/src/mod/common/${place}`
}
/** A line of the code of TAYGA 0.9.2, as Debian has it. */
export function taygaSource(place: string): string {
  return `https://github.com/apalrd/tayga/blob/0.9.2-10/${place}`
}
/** Of IPv4's datagrams. */
export const unchecked: readonly Limit[] = [{ engine: 'tayga', what: 'TAYGA drops datagrams without a checksum, without a word', source: taygaSource('nat64.c#L194') }]
export const joolUntranslatable = 'https://nicmx.github.io/Jool/en/intro-jool.html#untranslatable-packets'
