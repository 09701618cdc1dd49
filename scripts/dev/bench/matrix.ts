import { join } from 'node:path'
import { readCatalogue } from '../../../kernel/catalogue/catalogue.ts'
import { cellsOf } from '../matrix/cells.ts'
import { runMatrix } from '../matrix/run.ts'
import { rounded, type Measure } from './figure.ts'

/** All reachable Debian rows at once, from an empty store, against one after the other, each with all processors, from another empty store. */
export const matrix: Measure = async (context) => {
  const cells = cellsOf(await readCatalogue())
  const run = async (name: string, wanted: typeof cells, atOnce?: number): ReturnType<typeof runMatrix> => await runMatrix(wanted, {
    storeDir: join(context.workDir, name, 'store'), workDir: join(context.workDir, name), signal: new AbortController().signal, ...(atOnce === undefined ? {} : { atOnce }),
    onResult: ({ cell, verdict, seconds }) => { context.say(`matrix, ${name}: ${cell.row.name} ${verdict} (${seconds.toFixed(0)} s)`) },
  })
  const { results, wallSeconds } = await run('at-once', cells)
  const alone = await run('one-by-one', results.filter(({ verdict }) => verdict !== 'unreachable').map(({ cell }) => cell), 1)
  const parts = alone.results.reduce((sum, { seconds }) => sum + seconds, 0)
  return [
    { id: 'matrix', value: rounded(wallSeconds / parts, 3), unit: 'ratio', against: 'at most 0.65 of the sum of its parts' },
    { id: 'matrix/wall', value: rounded(wallSeconds, 0), unit: 's', against: `${String(results.filter(({ verdict }) => verdict === 'built').length)} of ${String(results.length)} rows built` },
  ]
}
