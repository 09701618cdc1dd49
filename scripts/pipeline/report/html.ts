import { conformanceTable } from './conformance.ts'
import { digits, duration, fileSize } from './figures.ts'
import { markup, Markup } from './markup.ts'
import type { BuildReport, ConformanceRow, SmokeReport } from './report.ts'
import { styleSheet } from './style.ts'

export interface ReportExtra {
  title: string
  generatedFrom: { joolVersion: string; kernelRelease: string; suite: string }
  notes: readonly string[]
  /** Paths relative to the report. */
  logs: readonly string[]
}

type Check = SmokeReport['checks'][number]

/** `report.html`: one file that needs nothing else, neither network nor scripts. Verdict first, evidence below. */
export function renderHtml(report: BuildReport, extra: ReportExtra): string {
  const { joolVersion, kernelRelease, suite } = extra.generatedFrom
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${report.verdict === 'pass' ? '✔' : '✘'} ${extra.title}</title>
<style>${new Markup(styleSheet)}</style>
</head>
<body>
<header class="${report.verdict}">
<p class="eyebrow">${extra.title}</p>
<h1><span class="mark">${report.verdict === 'pass' ? '✔' : '✘'}</span> ${headline(report)}</h1>
${failedChecks(report)}<dl class="facts">
${fact('Jool', joolVersion)}${fact('Kernel', kernelRelease)}${fact('Debian suite', suite)}${figures(report)}</dl>
</header>
<main>
${notes(extra.notes)}${stages(report)}${report.smoke && report.smoke.checks.length > 0 ? checks(report.smoke) : undefined}${report.smoke?.conformance ? conformanceTable(report.smoke.conformance) : undefined}${report.smoke ? milestones(report.smoke) : undefined}${artifacts(report)}${logs(extra.logs)}</main>
<footer>The same as data: <a href="./report.json">report.json</a>${report.smoke ? markup`, <a href="./junit.xml">junit.xml</a>` : undefined}. To build exactly this again: <code>nat64-forge build --locked lock.yaml</code></footer>
</body>
</html>
`
  return page.text
}

function headline({ verdict, smoke }: BuildReport): string {
  const asked = [...smoke?.checks ?? [], ...smoke?.conformance ?? []]
  const failed = asked.filter((check) => check.verdict === 'fail').length
  if (failed > 0) return `${String(failed)} of ${digits(asked.length)} checks failed`
  if (verdict === 'fail') return smoke ? 'The smoke test failed' : 'The build failed'
  return smoke ? 'The router translates packets' : 'Built; not put to the smoke test'
}

function figures({ stages: ran, smoke, artifacts: files }: BuildReport): (Markup | undefined)[] {
  const cached = ran.filter((stage) => stage.cached).length
  const iso = files.find(({ path }) => path.endsWith('.iso'))
  const count = (verdict: Check['verdict']): number => smoke?.checks.filter((check) => check.verdict === verdict).length ?? 0
  const lines = (verdict: ConformanceRow['verdict']): number => smoke?.conformance?.filter((line) => line.verdict === verdict).length ?? 0
  return [
    fact('Time', `${duration(totalMs(ran))}${cached > 0 ? ` (${String(cached)} of ${String(ran.length)} cached)` : ''}`),
    ...(smoke ? [fact('Checks', `${String(count('pass'))} passed, ${String(count('fail'))} failed, ${String(count('skip'))} skipped`), fact('Accelerator', smoke.accelerator.toUpperCase())] : []),
    ...(smoke?.conformance ? [fact('Conformance', `${String(lines('pass') + lines('limit-gone'))} passed, ${String(lines('fail'))} failed, ${String(lines('known-limit'))} known limits`)] : []),
    ...(iso ? [fact('ISO', fileSize(iso.sizeBytes))] : []),
  ]
}

function fact(name: string, value: string): Markup | undefined {
  // A build that stopped early does not know everything.
  return value === '' ? undefined : markup`<div><dt>${name}</dt><dd>${value}</dd></div>
`
}

function failedChecks({ smoke }: BuildReport): Markup | undefined {
  const failed = (smoke?.checks ?? []).filter((check) => check.verdict === 'fail')
  if (failed.length === 0) return undefined
  return markup`<ul class="failures">
${failed.map((check) => markup`<li><a href="#${anchor(check.id)}">${check.title}</a> <span>${check.detail}</span></li>
`)}</ul>
`
}

function notes(lines: readonly string[]): Markup | undefined {
  if (lines.length === 0) return undefined
  return markup`<section class="notes"><h2>Notes</h2><ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul></section>
`
}

/** Stages run one after the other, so each bar starts where the one before ended. */
function stages({ stages: ran }: BuildReport): Markup {
  const total = totalMs(ran)
  let startMs = 0
  const rows = ran.map(({ name, key, cached, ms }) => {
    const row = markup`<tr><th scope="row">${name}</th><td class="bar">${bar(startMs, ms, total, cached ? 'cached' : '')}</td><td class="number">${cached ? markup`<span class="badge">cached</span>` : duration(ms)}</td><td>${digest(key)}</td></tr>
`
    startMs += ms
    return row
  })
  return markup`<section><h2>Stages</h2>
<table class="chart"><thead><tr><th>Stage</th><th class="bar">When</th><th class="number">Time</th><th>Cache key</th></tr></thead><tbody>
${rows}</tbody></table></section>
`
}

function checks(smoke: SmokeReport): Markup {
  return markup`<section><h2>Smoke test</h2>
${groups(smoke.checks, ({ id }) => id).map(([boot, rows]) => markup`<h3>${bootTitle(boot)} <small>${tally(rows)}</small></h3>
<table class="checks"><thead><tr><th>Verdict</th><th>Check</th><th>What was measured</th></tr></thead><tbody>
${rows.map(checkRow)}</tbody></table>
`)}</section>
`
}

function checkRow({ id, title, verdict, detail }: Check): Markup {
  const mark = { pass: '✔', fail: '✘', skip: '–' }[verdict]
  return markup`<tr id="${anchor(id)}" class="${verdict}"><td><span class="verdict">${mark} ${verdict}</span></td><td>${title}<br><code>${id}</code></td><td class="detail">${detail}</td></tr>
`
}

function tally(rows: readonly Check[]): string {
  const passed = rows.filter((row) => row.verdict === 'pass').length
  const skipped = rows.filter((row) => row.verdict === 'skip').length
  return `${String(passed)} of ${String(rows.length - skipped)} passed${skipped > 0 ? `, ${String(skipped)} skipped` : ''}`
}

/** From QEMU's start; each bar is the wait since the milestone before. */
function milestones(smoke: SmokeReport): Markup | undefined {
  if (smoke.milestones.length === 0) return undefined
  const last = Math.max(...smoke.milestones.map(({ ms }) => ms))
  const boots = groups(smoke.milestones, ({ name }) => name).map(([boot, rows]) => {
    const sorted = rows.toSorted((a, b) => a.ms - b.ms)
    return markup`<h3>${bootTitle(boot)}</h3>
<table class="chart"><thead><tr><th>Milestone</th><th class="bar">Since QEMU's start</th><th class="number">At</th><th class="number">Step</th></tr></thead><tbody>
${sorted.map(({ name, ms }, index) => {
  const before = sorted[index - 1]?.ms ?? 0
  return markup`<tr><th scope="row">${name.slice(name.indexOf('/') + 1)}</th><td class="bar">${bar(before, ms - before, last, 'step')}</td><td class="number">${duration(ms)}</td><td class="number faint">+${duration(ms - before)}</td></tr>
`
})}</tbody></table>
`
  })
  return markup`<section><h2>Console</h2>
${boots}</section>
`
}

function artifacts({ artifacts: files }: BuildReport): Markup | undefined {
  if (files.length === 0) return undefined
  const folderOf = (path: string): string => path.includes('/') ? path.slice(0, path.indexOf('/') + 1) : ''
  const folders = [...new Set(files.map(({ path }) => folderOf(path)))].sort()
  const rows = folders.flatMap((folder) => {
    const inside = files.filter(({ path }) => folderOf(path) === folder)
    const size = fileSize(inside.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
    const heading = folder === '' ? [] : [markup`<tr class="folder"><th scope="rowgroup">${folder}</th><td class="number faint">${size}</td><td></td></tr>
`]
    return [...heading, ...inside.map(({ path, sha256, sizeBytes }) => markup`<tr><td class="path">${link(path, path.slice(folder.length))}</td><td class="number" title="${digits(sizeBytes)} bytes">${fileSize(sizeBytes)}</td><td>${digest(sha256)}</td></tr>
`)]
  })
  return markup`<section><h2>Artifacts</h2>
<table class="artifacts"><thead><tr><th>File</th><th class="number">Size</th><th>SHA-256</th></tr></thead><tbody>
${rows}</tbody></table></section>
`
}

function logs(paths: readonly string[]): Markup | undefined {
  if (paths.length === 0) return undefined
  return markup`<section><h2>Logs</h2><ul class="logs">${paths.map((path) => markup`<li>${link(path, path.replace(/^logs\//, ''))}</li>`)}</ul></section>
`
}

function bar(startMs: number, ms: number, totalMs: number, kind: string): Markup {
  const percent = (part: number): string => (totalMs > 0 ? part / totalMs * 100 : 0).toFixed(2)
  return markup`<span class="track"><span class="fill ${kind}" style="margin-left:${percent(startMs)}%;width:${percent(ms)}%"></span></span>`
}

/** Shown short, selected whole with one click. */
function digest(sha256: string): Markup {
  return markup`<code class="digest" title="${sha256}">${sha256}</code>`
}

// A leading ./ keeps a file name with a colon from being read as a URL's scheme.
function link(path: string, text: string): Markup {
  return markup`<a href="./${path.split('/').map(encodeURIComponent).join('/')}">${text}</a>`
}

function anchor(id: string): string {
  return `check-${id.replace(/[^A-Za-z0-9_-]/g, '-')}`
}

function bootTitle(boot: string): string {
  return { bios: 'BIOS boot', uefi: 'UEFI boot', '': 'Router' }[boot] ?? boot
}

/** By the part of the name before the slash, in order of appearance. */
function groups<Row>(rows: readonly Row[], nameOf: (row: Row) => string): [string, Row[]][] {
  const grouped = new Map<string, Row[]>()
  for (const row of rows) {
    const name = nameOf(row)
    const boot = name.includes('/') ? name.slice(0, name.indexOf('/')) : ''
    grouped.set(boot, [...grouped.get(boot) ?? [], row])
  }
  return [...grouped]
}

function totalMs(ran: BuildReport['stages']): number {
  return ran.reduce((sum, stage) => sum + stage.ms, 0)
}
