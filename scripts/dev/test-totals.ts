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
    message: z.string().optional(),
    assertionResults: z.array(z.object({ status: z.string(), fullName: z.string().optional(), failureMessages: z.array(z.string()).nullish() })),
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

const recapLines = 40

/**
 * What failed in such a report, each test with the end of its message: of a long text (what a program printed) the last
 * lines say why. Read at the end of a long log, where nobody scrolls back.
 */
export function failureRecap(json: string): string[] {
  return vitestReport.parse(JSON.parse(json)).testResults.flatMap(({ status, message, assertionResults }) => {
    const failed = assertionResults.filter((result) => result.status === 'failed')
      .map(({ fullName, failureMessages }) => recap(fullName ?? 'a test', (failureMessages ?? []).join('\n')))
    return status === 'failed' && failed.length === 0 ? [recap('a file', message ?? '')] : failed
  })
}

function recap(name: string, message: string): string {
  // The stack's frames say where in the test; that is above.
  const lines = message.trim().split('\n').filter((line) => !/^\s+at /.test(line))
  return [`FAILED: ${name}`, ...(lines.length > recapLines ? [...lines.slice(0, 3), '…', ...lines.slice(3 - recapLines)] : lines).map((line) => `  ${line}`)].join('\n')
}

export function sum(all: readonly Totals[]): Totals {
  return all.reduce((total, { passed, failed, skipped }) => ({ passed: total.passed + passed, failed: total.failed + failed, skipped: total.skipped + skipped }), { passed: 0, failed: 0, skipped: 0 })
}

/** The one line that is read by machines. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${String(passed)} passed, ${String(failed)} failed, ${String(skipped)} skipped`
}
