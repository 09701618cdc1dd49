import type { TranslationKind } from './translator.ts'

/** A line of the table, for one way to run a translator. */
export interface ConformanceResult {
  id: string
  rfc: number
  section: string
  title: string
  setup: string
  kind: TranslationKind
  /**
   * `known-limit`: it fails as the engine's own documents or issues say. `limit-gone`: it passes although they say that it does not, so
   * the table is out of date. `skip`: this router cannot run the setup.
   */
  verdict: 'pass' | 'fail' | 'known-limit' | 'limit-gone' | 'skip'
  /** What was seen; one line. */
  detail: string
  limit?: { what: string; source: string }
}
