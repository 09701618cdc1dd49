import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { median, rounded, type Figure, type Measure } from './figure.ts'
import { datapathPage, type DatapathResult } from './lab/chart.ts'
import { withRouter } from './lab/router.ts'
import { tcpRate, udpRate } from './lab/traffic.ts'
import { openWays } from './lab/ways.ts'

const rounds = 5
const udpSeconds = 2
const tcpSeconds = 2
/** What the ways to translate let through, on one boot, in turn, against forwarding; and a chart of it in out/bench/. */
export const datapaths: Measure = async (context) => await withRouter('datapath', context, async (router) => {
  const possible = await openWays(router, (why) => { context.say(`datapath: ${why}`) })
  const results = new Map<string, DatapathResult>(possible.map(({ name, title }) => [name, { name, title, kpps: [], mbitPerSecond: [], idle: [], lost: 0 }]))
  for (let round = 0; round < rounds; round += 1) {
    for (const way of possible) {
      await way.enter()
      const udp = await udpRate(router.tree, way.path, udpSeconds)
      const tcp = await tcpRate(router.tree, way.path, tcpSeconds)
      const result = results.get(way.name)
      result?.kpps.push(udp.kpps)
      result?.idle.push(udp.idle)
      result?.mbitPerSecond.push(tcp.mbitPerSecond)
      if (result) result.lost += udp.lost
      context.say(`datapath: round ${String(round + 1)} of ${String(rounds)}, ${way.name}: ${udp.kpps.toFixed(1)} kpps (${String(udp.lost)} lost, all arrived at ${(udp.idle * 100).toFixed(0)} % of the looks), ${tcp.mbitPerSecond.toFixed(0)} Mbit/s`)
    }
  }
  const all = [...results.values()]
  const folder = resolve('out/bench')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'datapath.html'), datapathPage(all, { accelerator: router.accelerator, kernel: await router.must('uname -r'), rounds }))
  await writeFile(join(folder, 'datapath.json'), `${JSON.stringify(all, null, 2)}\n`)
  context.say(`datapath: the chart is ${join(folder, 'datapath.html')}`)
  return figures(all, router.accelerator)
})

/** Ratios are taken round by round, where both sides ran within seconds. */
export function figures(results: readonly DatapathResult[], accelerator: string): Figure[] {
  const of = (name: string): DatapathResult | undefined => results.find((result) => result.name === name)
  const ratio = (some: readonly number[], others: readonly number[] = []): number => rounded(median(some.map((value, round) => value / (others[round] ?? NaN))))
  const forwarding = of('forwarding')
  const [inline, isolated] = [of('inline'), of('isolated')]
  return [
    ...inline && isolated ? [{ id: 'datapath-isolated-vs-inline', value: ratio(isolated.kpps, inline.kpps), unit: 'ratio' as const, against: `aim 0.8 or more; small UDP datagrams, ${accelerator}; median of ${String(inline.kpps.length)} rounds` }] : [],
    ...results.flatMap(({ name, kpps, mbitPerSecond }): Figure[] => [
      ...name === 'forwarding' ? [] : [
        { id: `datapath-${name}/udp`, value: ratio(kpps, forwarding?.kpps), unit: 'ratio' as const, against: 'small UDP datagrams a second, against IPv6 forwarding' },
        { id: `datapath-${name}/tcp`, value: ratio(mbitPerSecond, forwarding?.mbitPerSecond), unit: 'ratio' as const, against: 'one TCP connection, against IPv6 forwarding' },
      ],
      { id: `datapath-${name}/udp-rate`, value: rounded(median(kpps), 1), unit: 'kpps', against: accelerator },
      { id: `datapath-${name}/tcp-rate`, value: rounded(median(mbitPerSecond), 0), unit: 'Mbit/s', against: accelerator },
    ]),
  ]
}
