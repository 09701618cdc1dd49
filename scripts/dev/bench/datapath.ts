import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { topology, translated } from '../../../images/smoke/lab/topology.ts'
import { median, rounded, type Figure, type Measure } from './figure.ts'
import { datapathPage, type DatapathResult } from './lab/chart.ts'
import { withRouter, type BenchRouter } from './lab/router.ts'
import { ipv6BehindTheRouter, tcpRate, udpRate, type Path } from './lab/traffic.ts'

const rounds = 5
const udpSeconds = 2
const tcpSeconds = 2
/** As TAYGA has no ports, and gives each host an address: a network, of which Jool needs one address. */
const pool = `${topology.pool4}/28`
const prefix = '2001:db8:6464:64::'

interface Way {
  name: string
  title: string
  /** For nat64ctl; empty: nothing is translated. */
  config: readonly string[]
  /** The interface that it has on the router, if any. */
  device?: string
}

const rule = (...lines: readonly string[]): string[] => [`source prefix ${prefix}/96`, `translation pool 1 address ${pool}`, ...lines].map((line) => `set nat64 source rule 100 ${line}`)
const joolRule = (...lines: readonly string[]): string[] => rule('translation pool 1 port 1024-65535', ...lines)

const ways: readonly Way[] = [
  { name: 'forwarding', title: 'IPv6 forwarding, nothing translated', config: [] },
  { name: 'inline', title: 'Jool, inline', config: joolRule() },
  { name: 'isolated', title: 'Jool, isolated', config: joolRule('mode isolated'), device: 'nat64-100' },
  { name: 'iptables', title: 'Jool, iptables', config: joolRule('mode iptables') },
  { name: 'tayga', title: 'TAYGA', config: rule('engine tayga'), device: 'nat64-100' },
]

/** What the ways to translate let through, on one boot, in turn, against forwarding; and a chart of it in out/bench/. */
export const datapaths: Measure = async (context) => await withRouter('datapath', context, async (router) => {
  const plain = await ipv6BehindTheRouter(router.tree, router.must)
  await router.tree.transit.must('ip', 'route', 'replace', pool, 'via', topology.v4.router)
  const nat64: Path = { to: prefix + translated(topology.v4.transit).slice('64:ff9b::'.length), at: topology.v4.transit }
  const possible: Way[] = []
  for (const way of ways) {
    const why = await missing(router, way)
    if (why === undefined) possible.push(way)
    else context.say(`datapath-${way.name}: not on this router: ${why}`)
  }
  const results = new Map<string, DatapathResult>(possible.map(({ name, title }) => [name, { name, title, kpps: [], mbitPerSecond: [], idle: [], lost: 0 }]))
  for (let round = 0; round < rounds; round += 1) {
    for (const way of possible) {
      await change(router, way)
      const path = way.config.length === 0 ? plain : nat64
      const udp = await udpRate(router.tree, path, udpSeconds)
      const tcp = await tcpRate(router.tree, path, tcpSeconds)
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

async function missing(router: BenchRouter, way: Way): Promise<string | undefined> {
  if (way.config.length === 0) return undefined
  await router.must(`printf '%s\\n' ${way.config.map((line) => `'${line}'`).join(' ')} > /root/${way.name}.config`)
  return await router.succeeds(`nat64ctl check --on-this-router /root/${way.name}.config`) ? undefined : 'nat64ctl check --on-this-router refuses it'
}

/** From nothing each time: the kernel's reassembly, which NAT64 turns on, would stay on after it. */
async function change(router: BenchRouter, way: Way): Promise<void> {
  await router.must('printf "" > /root/none.config && nat64ctl apply /root/none.config && { modprobe -r jool nf_defrag_ipv6 nf_defrag_ipv4 || { lsmod; false; }; }')
  if (way.config.length === 0) return
  await router.must(`nat64ctl apply /root/${way.name}.config`)
  await router.must(way.device === undefined ? '! test -e /sys/class/net/nat64-100' : `test -e /sys/class/net/${way.device}`)
}
