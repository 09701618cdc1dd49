import { z } from 'zod'

export interface Totals {
  passed: number
  failed: number
  skipped: number
}

const vitestReport = z.object({
  success: z.boolean(),
  testResults: z.array(z.object({
    status: z.string(),
    assertionResults: z.array(z.object({ status: z.string() })),
  })),
})

/**
 * The totals in a report of vitest's JSON reporter. A file that could not even be loaded counts as one failure, and so
 * does a run that failed outside its tests: nothing that went wrong is lost in the sum.
 */
export function vitestTotals(json: string): Totals {
  const report = vitestReport.parse(JSON.parse(json))
  const statuses = report.testResults.flatMap(({ status, assertionResults }) => {
    const inside = assertionResults.map((result) => result.status)
    return status === 'failed' && !inside.includes('failed') ? [...inside, 'failed'] : inside
  })
  const count = (...wanted: string[]): number => statuses.filter((status) => wanted.includes(status)).length
  const totals = { passed: count('passed'), failed: count('failed'), skipped: count('skipped', 'pending', 'todo', 'disabled') }
  return report.success || totals.failed > 0 ? totals : { ...totals, failed: 1 }
}

export function sum(all: readonly Totals[]): Totals {
  return all.reduce((total, { passed, failed, skipped }) => ({ passed: total.passed + passed, failed: total.failed + failed, skipped: total.skipped + skipped }), { passed: 0, failed: 0, skipped: 0 })
}

/** The one line that is read by machines. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${String(passed)} passed, ${String(failed)} failed, ${String(skipped)} skipped`
}
