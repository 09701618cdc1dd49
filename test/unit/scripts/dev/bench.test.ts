import { expect, test } from 'vitest'
import { instructionFigures } from '../../../../scripts/dev/bench/datapath-instructions.ts'
import { figures } from '../../../../scripts/dev/bench/datapath.ts'
import { median } from '../../../../scripts/dev/bench/figure.ts'
import { datapathPage, type DatapathResult } from '../../../../scripts/dev/bench/lab/chart.ts'

// The machine became slower in the second round: shares of each round by itself do not notice.
const results: DatapathResult[] = [
  { name: 'forwarding', title: 'IPv6 forwarding', kpps: [40, 20, 40], mbitPerSecond: [2000, 1000, 2000], idle: [0, 0, 0], lost: 0 },
  { name: 'inline', title: 'Jool, inline', kpps: [20, 10, 22], mbitPerSecond: [1000, 500, 900], idle: [0, 0, 0], lost: 0 },
  { name: 'isolated', title: 'Jool, <isolated>', kpps: [16, 8, 16], mbitPerSecond: [500, 250, 500], idle: [0, 0, 0.01], lost: 3 },
]

test('a median is the middle value, or lies between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

test('shares of a datapath are medians of what each round gave', () => {
  expect(figures(results, 'tcg').map(({ id, value, unit }) => [id, value, unit])).toEqual([
    ['datapath-isolated-vs-inline', 0.8, 'ratio'],
    ['datapath-forwarding/udp-rate', 40, 'kpps'], ['datapath-forwarding/tcp-rate', 2000, 'Mbit/s'],
    ['datapath-inline/udp', 0.5, 'ratio'], ['datapath-inline/tcp', 0.5, 'ratio'], ['datapath-inline/udp-rate', 20, 'kpps'], ['datapath-inline/tcp-rate', 900, 'Mbit/s'],
    ['datapath-isolated/udp', 0.4, 'ratio'], ['datapath-isolated/tcp', 0.25, 'ratio'], ['datapath-isolated/udp-rate', 16, 'kpps'], ['datapath-isolated/tcp-rate', 500, 'Mbit/s'],
  ])
})

test('a router without the one or the other mode has no ratio of the two', () => {
  expect(figures(results.slice(0, 2), 'kvm').map(({ id }) => id)).not.toContain('datapath-isolated-vs-inline')
})

test('the chart draws the fastest across the whole width, names shares and spreads, and says what an emulated processor cannot tell', () => {
  const page = datapathPage(results, { accelerator: 'tcg', kernel: '6.1.0-56-amd64', rounds: 3 })
  expect(page).toContain('<th scope="row">IPv6 forwarding</th><td class="bar"><span class="track"><span class="fill" style="width:100.00%"></span></span></td><td class="number">40.0</td><td class="number faint">20.0–40.0</td><td class="number">100 %</td>')
  expect(page).toContain('<th scope="row">Jool, &lt;isolated&gt;</th><td class="bar"><span class="track"><span class="fill" style="width:40.00%"></span></span></td><td class="number">16.0</td><td class="number faint">8.0–16.0</td><td class="number">40 %</td>')
  expect(page).toContain('<td class="number">500</td><td class="number faint">250–500</td><td class="number">25 %</td>')
  expect(page).toContain('lost were 3.')
  expect(page).toContain('not for cache misses')
  expect(datapathPage(results, { accelerator: 'kvm', kernel: '6.1.0-56-amd64', rounds: 3 })).not.toContain('not for cache misses')
})

test('instructions for a packet are compared the other way round: fewer are better', () => {
  expect(instructionFigures(new Map([['forwarding', 5000], ['inline', 12000], ['isolated', 16000.4]])).map(({ id, value }) => [id, value])).toEqual([
    ['datapath-instructions', 0.75], ['datapath-instructions/forwarding', 5000], ['datapath-instructions/inline', 12000], ['datapath-instructions/isolated', 16000],
  ])
  expect(instructionFigures(new Map([['forwarding', 5000]])).map(({ id }) => id)).toEqual(['datapath-instructions/forwarding'])
})
