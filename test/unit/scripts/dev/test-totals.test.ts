import { expect, it } from 'vitest'
import { failureRecap, sum, totalsLine, vitestTotals } from '../../../../scripts/dev/test-totals.ts'

const report = (success: boolean, ...files: { status: string; tests: string[] }[]): string =>
  JSON.stringify({ success, testResults: files.map(({ status, tests }) => ({ status, assertionResults: tests.map((test) => ({ status: test })) })) })

it('counts passed, failed and skipped tests over all files', () => {
  expect(vitestTotals(report(false, { status: 'passed', tests: ['passed', 'passed', 'skipped', 'pending'] }, { status: 'failed', tests: ['failed', 'passed', 'todo'] })))
    .toEqual({ passed: 3, failed: 1, skipped: 3 })
})

it('counts a file that could not be loaded as a failure', () => {
  expect(vitestTotals(report(false, { status: 'failed', tests: [] }, { status: 'passed', tests: ['passed'] }))).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

it('counts a run that failed outside its tests as a failure', () => {
  expect(vitestTotals(report(false, { status: 'passed', tests: ['passed'] }))).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

it('repeats what failed: the test, and both ends of a long message without its stack', () => {
  const lines = Array.from({ length: 100 }, (_unused, index) => `line ${String(index)}`).join('\n')
  const json = JSON.stringify({ success: false, testResults: [
    { status: 'failed', assertionResults: [{ status: 'passed', fullName: 'good' }, { status: 'failed', fullName: 'bad', failureMessages: [`Error: short\n    at file.ts:1:2`] }] },
    { status: 'failed', message: lines, assertionResults: [] },
  ] })
  const [bad, file, ...rest] = failureRecap(json)
  expect(rest).toEqual([])
  expect(bad).toBe('FAILED: bad\n  Error: short')
  expect(file?.split('\n').slice(0, 6)).toEqual(['FAILED: a file', '  line 0', '  line 1', '  line 2', '  …', '  line 63'])
  expect(file?.endsWith('line 99')).toBe(true)
})

it('sums suites into one plain line', () => {
  expect(totalsLine(sum([{ passed: 1, failed: 0, skipped: 2 }, { passed: 40, failed: 3, skipped: 0 }]))).toBe('41 passed, 3 failed, 2 skipped')
  expect(totalsLine(sum([]))).toBe('0 passed, 0 failed, 0 skipped')
})
