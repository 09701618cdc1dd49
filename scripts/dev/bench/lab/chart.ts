import { markup, Markup } from '../../../pipeline/report/markup.ts'
import { styleSheet } from '../../../pipeline/report/style.ts'
import { median } from '../figure.ts'

/** What one way to let packets through reached, a value for each round. */
export interface DatapathResult {
  name: string
  title: string
  /** Small UDP datagrams, thousands a second. */
  kpps: number[]
  /** Of one TCP connection. */
  mbitPerSecond: number[]
  /** How often nothing was under way, from 0 to 1: where it is not near 0, the sender was too slow to tell. */
  idle: number[]
  /** Datagrams, of all rounds. */
  lost: number
}

/** A page that needs nothing else: two charts, with the first of the results as the measure of the others. */
export function datapathPage(results: readonly DatapathResult[], facts: { accelerator: string; kernel: string; rounds: number }): string {
  const emulated = facts.accelerator === 'tcg'
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>nat64-forge: what the router lets through</title>
<style>${new Markup(styleSheet)}</style>
</head>
<body>
<header>
<p class="eyebrow">nat64-forge: benchmark</p>
<h1>What the router lets through</h1>
<dl class="facts">
<div><dt>Kernel</dt><dd>${facts.kernel}</dd></div>
<div><dt>Processor</dt><dd>${emulated ? 'emulated (TCG)' : 'KVM'}</dd></div>
<div><dt>Rounds</dt><dd>${facts.rounds}</dd></div>
</dl>
</header>
<main>
${chart('Small UDP datagrams', 'kpps', results, ({ kpps }) => kpps, 1)}${chart('One TCP connection', 'Mbit/s', results, ({ mbitPerSecond }) => mbitPerSecond, 0)}<section class="notes"><h2>How it was measured</h2><ul>
<li>One boot; the ways in turn, ${facts.rounds} times; medians, from the slowest to the fastest round beside them. A share is the median of each round's.</li>
<li>Counted where the packets arrive, after a second to warm up. Datagrams of 18 bytes in 64 flows, at most 256 under way; lost were ${results.reduce((sum, { lost }) => sum + lost, 0)}.</li>
${emulated ? markup`<li>An emulated processor takes time for instructions, not for cache misses, and its network card is a program: shares on hardware differ.</li>
` : undefined}</ul></section>
</main>
</body>
</html>
`.text
}

function chart(title: string, unit: string, results: readonly DatapathResult[], valuesOf: (result: DatapathResult) => readonly number[], decimals: number): Markup {
  const most = Math.max(...results.flatMap((result) => valuesOf(result)))
  const [first] = results
  const base = first ? valuesOf(first) : []
  return markup`<section><h2>${title}</h2>
<table class="chart"><thead><tr><th>Way</th><th class="bar"></th><th class="number">${unit}</th><th class="number">Rounds</th><th class="number">Share</th></tr></thead><tbody>
${results.map((result) => {
  const values = valuesOf(result)
  const share = median(values.map((value, round) => value / (base[round] ?? NaN)))
  return markup`<tr><th scope="row">${result.title}</th><td class="bar"><span class="track"><span class="fill" style="width:${(median(values) / most * 100).toFixed(2)}%"></span></span></td><td class="number">${median(values).toFixed(decimals)}</td><td class="number faint">${Math.min(...values).toFixed(decimals)}–${Math.max(...values).toFixed(decimals)}</td><td class="number">${(share * 100).toFixed(0)} %</td></tr>
`
})}</tbody></table></section>
`
}
