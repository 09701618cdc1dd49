import type { CatalogueRow } from '../../../kernel/catalogue/row.ts'
import type { Suite } from '../../domain/suite.ts'

/** One kernel line with one version of Jool: what the matrix builds. */
export interface Cell {
  row: CatalogueRow
  suite: Suite
  joolSuite: Suite
  /** Not the Jool that the row names: built to find out. */
  trial: boolean
}

/** Suites whose jool-dkms differ in version. */
const joolSuites = ['bullseye', 'bookworm', 'trixie', 'sid'] as const satisfies readonly Suite[]

/** The rows whose kernel and Jool are Debian's packages; with `all`, each of them with every Jool that Debian has. */
export function cellsOf(rows: readonly CatalogueRow[], { all = false, only }: { all?: boolean; only?: string | undefined } = {}): Cell[] {
  return rows.filter((row) => only === undefined || row.name === only).flatMap((row): Cell[] => {
    const { suite, joolSuite, headers } = row
    if (headers.from !== 'archive' || suite === null || joolSuite === undefined) return []
    const suites = all ? [joolSuite, ...joolSuites.filter((other) => other !== joolSuite)] : [joolSuite]
    return suites.map((from) => ({ row, suite, joolSuite: from, trial: from !== joolSuite }))
  })
}

/** The target that a cell stands for. */
export function targetText({ row, suite, joolSuite }: Cell): string {
  return [
    `target: matrix-${row.name}-${joolSuite}`, `suite: ${suite}`,
    'source:', '  provider: debian', `  suite: ${joolSuite}`,
    'headers:', '  provider: debian', ...(row.backports ? ['  backports: true'] : []),
    // The matrix is how one finds out what the table should say.
    'modules:', '  untested: true', '',
  ].join('\n')
}
