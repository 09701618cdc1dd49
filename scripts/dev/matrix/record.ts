import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSeq, parseDocument } from 'yaml'
import { catalogueDir } from '../../../kernel/catalogue/catalogue.ts'
import type { CellResult } from './run.ts'

/** What a result says against its row; undefined when they agree. */
export function disagreement({ cell, verdict, jool, release, words }: CellResult): string | undefined {
  const { row, trial } = cell
  const recorded = row.failures.find((failure) => failure.jool === jool && sameLine(failure.release, release, row.kernels))
  switch (verdict) {
    case 'unreachable':
      // What was built once and is gone from the archive may as well be a wrong mirror.
      return !trial && row.verified !== 'no' ? `${row.name} has no kernel in the archive, and the row says it is verified` : undefined
    case 'broken':
      return `${row.name} could not be tried with Jool ${jool === '' ? `of ${cell.joolSuite}` : jool}`
    case 'built':
      if (recorded) return `Jool ${jool} builds for ${release}, and the row says it does not`
      return !trial && row.verified === 'no' ? `Jool ${jool} builds for ${release}, and the row says it is not verified` : undefined
    case 'failed':
      if (!trial && row.verified !== 'no') return `Jool ${jool} does not build for ${release}, and the row says it is verified`
      return recorded && firstLine(recorded.words) === firstLine(words) ? undefined : `Jool ${jool} does not build for ${release}, and the row does not say so`
    default:
      return verdict satisfies never
  }
}

/** Writes results into the rows: failures with the compiler's words, what was built as verified. */
export async function record(results: readonly CellResult[], dir = catalogueDir): Promise<void> {
  for (const { cell, verdict, jool, release, words } of results) {
    if (verdict === 'unreachable' || verdict === 'broken') continue
    const path = join(dir, `${cell.row.name}.yaml`)
    const document = parseDocument(await readFile(path, 'utf8'))
    const failures = document.get('failures')
    const others = isSeq(failures) ? (failures.toJSON() as { jool: string; release: string; words: string }[]).filter((failure) => failure.jool !== jool) : []
    const now = verdict === 'failed' ? [...others, { jool, release, words }] : others
    if (now.length > 0) document.set('failures', document.createNode(now.sort((a, b) => a.jool.localeCompare(b.jool, 'en', { numeric: true }))))
    else document.delete('failures')
    if (!cell.trial && verdict === 'built' && document.get('verified') === 'no') document.set('verified', 'built')
    await writeFile(path, document.toString({ lineWidth: 0 }))
  }
}

/** Kernels of a line come and go by their last number; what is said of one holds for the next until it is tried. */
function sameLine(one: string, other: string, kernels: string): boolean {
  return new RegExp(kernels).test(one) && new RegExp(kernels).test(other)
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
