import { markup, type Markup } from './markup.ts'
import type { BuildReport, ConformanceRow } from './report.ts'

type Check = NonNullable<BuildReport['smoke']>['checks'][number]

/** JUnit XML: one suite for the stages, one for each boot of the smoke test. A failed build never looks green. */
export function renderJUnit(report: BuildReport): string {
  const checks = report.smoke?.checks ?? []
  const boots = [...new Set(checks.map(bootOf))]
  const unexplained = report.verdict === 'fail' && ![...checks, ...report.smoke?.conformance ?? []].some((check) => check.verdict === 'fail')
  const lines = report.smoke?.conformance ?? []
  const setups = [...new Set(lines.map(setupOf))]
  const suites = [buildSuite(report, unexplained), ...boots.map((boot) => bootSuite(report, boot)), ...setups.map((setup) => conformanceSuite(report.target, setup, lines))]
  const failures = [...checks, ...lines].filter((check) => check.verdict === 'fail').length + Number(unexplained)
  const tests = report.stages.length + checks.length + lines.length + Number(unexplained)
  const document = markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nat64-forge ${report.target}" tests="${tests}" failures="${failures}" errors="0" time="${seconds(totalMs(report))}">
${suites}</testsuites>
`
  return document.text
}

/** The boot that a check belongs to: `bios` of `bios/tcp-bulk`. */
function bootOf({ id }: Check): string {
  return id.includes('/') ? id.slice(0, id.indexOf('/')) : 'router'
}

function buildSuite(report: BuildReport, unexplained: boolean): Markup {
  const cases = report.stages.map((stage) => markup`    <testcase classname="${report.target}.build" name="${stage.name}" time="${seconds(stage.ms)}">${stage.cached ? markup`<system-out>found in the store</system-out>` : undefined}</testcase>
`)
  if (unexplained) {
    cases.push(markup`    <testcase classname="${report.target}.build" name="verdict" time="0.000"><failure message="the build failed before a check could"/></testcase>
`)
  }
  return markup`  <testsuite name="build" tests="${cases.length}" failures="${Number(unexplained)}" errors="0" skipped="0" time="${seconds(totalMs(report))}">
${cases}  </testsuite>
`
}

function bootSuite(report: BuildReport, boot: string): Markup {
  const checks = (report.smoke?.checks ?? []).filter((check) => bootOf(check) === boot)
  const milestones = (report.smoke?.milestones ?? []).filter(({ name }) => name.startsWith(`${boot}/`))
  const count = (verdict: Check['verdict']): number => checks.filter((check) => check.verdict === verdict).length
  const properties = [
    markup`<property name="accelerator" value="${report.smoke?.accelerator}"/>`,
    ...milestones.map(({ name, ms }) => markup`<property name="${name.slice(boot.length + 1)} (ms)" value="${Math.round(ms)}"/>`),
  ]
  return markup`  <testsuite name="smoke ${boot}" tests="${checks.length}" failures="${count('fail')}" errors="0" skipped="${count('skip')}" time="${seconds(milestones.at(-1)?.ms ?? 0)}">
    <properties>${properties}</properties>
${checks.map((check) => testCase(report.target, boot, check))}  </testsuite>
`
}

function testCase(target: string, boot: string, { id, title, verdict, detail }: Check): Markup {
  const outcome = { pass: markup`<system-out>${detail}</system-out>`, fail: markup`<failure message="${detail}"/>`, skip: markup`<skipped message="${detail}"/>` }[verdict]
  return markup`    <testcase classname="${target}.smoke.${boot}" name="${id}: ${title}">${outcome}</testcase>
`
}

function setupOf({ setup, kind }: ConformanceRow): string {
  return `${setup} ${kind}`
}

/** A known limit is skipped, with its source: it is no failure of the router, and did not pass. */
function conformanceSuite(target: string, setup: string, all: readonly ConformanceRow[]): Markup {
  const lines = all.filter((line) => setupOf(line) === setup)
  const count = (...verdicts: readonly ConformanceRow['verdict'][]): number => lines.filter((line) => verdicts.includes(line.verdict)).length
  const cases = lines.map(({ id, rfc, section, title, verdict, detail, limit }) => {
    const outcome = verdict === 'fail' ? markup`<failure message="${detail}"/>`
      : verdict === 'known-limit' || verdict === 'skip' ? markup`<skipped message="${limit ? `${limit.what} (${limit.source}): ${detail}` : detail}"/>`
        : markup`<system-out>${detail}</system-out>`
    return markup`    <testcase classname="${target}.conformance.${setup.replace(' ', '.')}" name="${id}: RFC ${rfc}, ${section}: ${title}">${outcome}</testcase>
`
  })
  return markup`  <testsuite name="conformance ${setup}" tests="${lines.length}" failures="${count('fail')}" errors="0" skipped="${count('known-limit', 'skip')}" time="0.000">
${cases}  </testsuite>
`
}

function totalMs(report: BuildReport): number {
  return report.stages.reduce((sum, stage) => sum + stage.ms, 0)
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}
