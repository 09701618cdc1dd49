/** The report's looks: one column, system fonts, both colour schemes, and on paper. Wide tables scroll by themselves. */
export const styleSheet = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1b2330; --faint: #667085; --line: #e4e7ec; --track: #eef0f4;
  --accent: #3b6fd4; --step: #7a8fb8; --pass: #12805c; --pass-soft: #e3f5ee; --fail: #b42318; --fail-soft: #fdecea; --skip-soft: #eef0f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141b; --card: #181d26; --text: #e3e8f0; --faint: #93a0b4; --line: #2a313d; --track: #222936;
    --accent: #6f9cf0; --step: #6b80aa; --pass: #4cc79a; --pass-soft: #14342a; --fail: #ff8a7e; --fail-soft: #43201d; --skip-soft: #262d39;
  }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 68rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px }
code { font: 0.86em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
header, section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.5rem; margin-bottom: 1.25rem; overflow-x: auto }
header { border-top: 5px solid var(--pass) }
header.fail { border-top-color: var(--fail) }
.eyebrow { margin: 0; color: var(--faint) }
h1 { margin: 0.1rem 0 1rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em }
h2 { margin: 0 0 0.75rem; font-size: 1.15rem }
h3 { margin: 1.25rem 0 0.4rem; font-size: 1rem }
h2 + h3 { margin-top: 0 }
small { margin-left: 0.4rem; color: var(--faint); font-weight: 400; font-size: 0.9em }
.pass .mark, .pass .verdict { color: var(--pass) }
.fail .mark, .fail .verdict { color: var(--fail) }
.facts { display: flex; flex-wrap: wrap; gap: 0.75rem 1.75rem; margin: 0 }
dt { color: var(--faint); font-size: 0.82rem }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums }
.failures { margin: 0 0 1.1rem; padding: 0.7rem 1rem 0.7rem 2rem; background: var(--fail-soft); border-radius: 6px }
.failures a { color: var(--fail); font-weight: 600 }
.notes ul, .logs { margin: 0; padding-left: 1.2rem }
.logs { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; padding: 0; list-style: none }
table { width: 100%; border-collapse: collapse }
th, td { padding: 0.36rem 0.6rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400 }
th:first-child, td:first-child { padding-left: 0 }
th:last-child, td:last-child { padding-right: 0 }
thead th { border-top: 0; padding-top: 0; color: var(--faint); font-size: 0.82rem }
tbody th { font-weight: 600; white-space: nowrap }
.chart td, .chart th { vertical-align: middle }
.chart th:first-child { width: 22% }
.bar { width: 50% }
.track { display: block; background: var(--track); border-radius: 4px; overflow: hidden }
.fill { display: block; height: 0.8rem; min-width: 2px; border-radius: 4px; background: var(--accent) }
.fill.step { background: var(--step) }
.fill.cached { background: none; min-width: 0 }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.faint { color: var(--faint) }
.badge, .verdict { display: inline-block; padding: 0 0.55rem; border-radius: 1rem; background: var(--skip-soft); color: var(--faint); font-size: 0.86rem; white-space: nowrap }
.pass .verdict { background: var(--pass-soft) }
.fail .verdict { background: var(--fail-soft); font-weight: 600 }
.checks td:first-child { width: 6rem }
.checks td:nth-child(2) { width: 42% }
.checks code { color: var(--faint) }
.checks .skip td { color: var(--faint) }
.conformance th { white-space: normal }
.conformance .verdict { min-width: 1.7rem; padding: 0; text-align: center }
.conformance .rfc { white-space: nowrap; color: var(--faint) }
.conformance .setup { white-space: nowrap; text-align: center }
.remarks { margin: 1rem 0 0; padding-left: 1.2rem }
tr:target td { background: var(--fail-soft) }
.detail, .path { overflow-wrap: anywhere }
.detail { white-space: pre-line }
.folder th { padding-top: 0.9rem }
.folder td { padding-top: 0.9rem }
.artifacts .path { padding-left: 0 }
.digest { display: inline-block; max-width: 9.5em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom; color: var(--faint); user-select: all }
footer { color: var(--faint); font-size: 0.9rem }
@media (max-width: 40rem) { body { padding: 0.75rem } header, section { padding: 1rem } h1 { font-size: 1.5rem } .bar { display: none } }
@media print { body { max-width: none; background: none } header, section { break-inside: avoid-page } .digest { max-width: none; font-size: 0.6em } }
`
