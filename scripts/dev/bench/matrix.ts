import { join } from 'node:path'
import { readCatalogue } from '../../../kernel/catalogue/catalogue.ts'
import { cellsOf } from '../matrix/cells.ts'
import { runMatrix } from '../matrix/run.ts'
import { rounded, type Measure } from './figure.ts'

/** All reachable Debian rows, from an empty store or a filled one; each part runs on one processor, as it would alone. */
export const matrix: Measure = async (context) => {
  const { results, wallSeconds } = await runMatrix(cellsOf(await readCatalogue()), {
    storeDir: context.storeDir, workDir: join(context.workDir, 'matrix'), signal: new AbortController().signal,
    onResult: ({ cell, verdict, seconds }) => { context.say(`matrix: ${cell.row.name} ${verdict} (${seconds.toFixed(0)} s)`) },
  })
  const parts = results.filter(({ verdict }) => verdict !== 'unreachable').reduce((sum, { seconds }) => sum + seconds, 0)
  return [
    { id: 'matrix', value: rounded(wallSeconds / parts), unit: 'ratio', against: 'at most 0.65 of the sum of its parts' },
    { id: 'matrix/wall', value: rounded(wallSeconds, 0), unit: 's', against: `${String(results.filter(({ verdict }) => verdict === 'built').length)} of ${String(results.length)} rows built` },
  ]
}
