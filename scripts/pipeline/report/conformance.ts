import { markup, type Markup } from './markup.ts'
import type { ConformanceRow } from './report.ts'

const marks = { 'pass': '✔', 'fail': '✘', 'known-limit': '◐', 'limit-gone': '✔', 'skip': '–' } as const
const classes = { 'pass': 'pass', 'fail': 'fail', 'known-limit': 'skip', 'limit-gone': 'pass', 'skip': 'skip' } as const

/** One line for each entry, a column for each way to run a translator; below it, in words, all that did not simply pass. */
export function conformanceTable(rows: readonly ConformanceRow[]): Markup {
  const columns = [...new Set(rows.map(columnOf))]
  const byId = new Map<string, ConformanceRow[]>()
  for (const row of rows) byId.set(row.id, [...byId.get(row.id) ?? [], row])
  const rfcs = [...new Set(rows.map(({ rfc }) => rfc))].sort((a, b) => a - b)
  return markup`<section><h2>Conformance <small>◐ a known limit of the engine · – not asked of it</small></h2>
${rfcs.map((rfc) => {
  const entries = [...byId.values()].filter(([first]) => first?.rfc === rfc)
  return markup`<h3>RFC ${rfc} <small>${tally(entries.flat())}</small></h3>
<table class="conformance"><thead><tr><th>Section</th><th>What is asked</th>${columns.map((column) => markup`<th class="setup">${column}</th>`)}</tr></thead><tbody>
${entries.map((entry) => line(entry, columns))}</tbody></table>
`
})}${remarks(rows)}</section>
`
}

function line(entry: readonly ConformanceRow[], columns: readonly string[]): Markup {
  const [first] = entry
  const cells = columns.map((column) => {
    const row = entry.find((one) => columnOf(one) === column)
    return row ? markup`<td class="setup ${classes[row.verdict]}"><span class="verdict" title="${row.detail}">${marks[row.verdict]}</span></td>` : markup`<td class="setup faint">·</td>`
  })
  return markup`<tr><td class="rfc">${first?.section}</td><td>${first?.title}</td>${cells}</tr>
`
}

function remarks(rows: readonly ConformanceRow[]): Markup | undefined {
  // A setup that this router does not have is said once, not for each entry.
  const skipped = [...new Map(rows.filter(({ verdict }) => verdict === 'skip').map((row) => [columnOf(row), row])).values()]
  const told = [...rows.filter(({ verdict }) => verdict === 'fail' || verdict === 'known-limit' || verdict === 'limit-gone'), ...skipped]
  if (told.length === 0) return undefined
  return markup`<ul class="remarks">
${told.map((row) => markup`<li class="${classes[row.verdict]}"><span class="verdict">${row.verdict}</span> ${columnOf(row)}${row.verdict === 'skip' ? '' : `: ${row.title}`}: <span class="faint">${row.detail}</span>${source(row)}</li>
`)}</ul>
`
}

function source({ limit }: ConformanceRow): Markup | undefined {
  return limit && markup`<br>${limit.what}: <a href="${limit.source}">${limit.source}</a>`
}

function columnOf({ setup, kind }: ConformanceRow): string {
  return `${setup} ${kind}`
}

function tally(rows: readonly ConformanceRow[]): string {
  const count = (...verdicts: readonly ConformanceRow['verdict'][]): number => rows.filter(({ verdict }) => verdicts.includes(verdict)).length
  const limits = count('known-limit')
  return `${String(count('pass', 'limit-gone'))} of ${String(rows.length - count('skip'))} passed${limits > 0 ? `, ${String(limits)} known limits` : ''}`
}
