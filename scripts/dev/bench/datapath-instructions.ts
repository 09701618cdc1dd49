import { setTimeout as after } from 'node:timers/promises'
import { topology } from '../../../images/smoke/lab/topology.ts'
import { ForgeError } from '../../lib/errors.ts'
import { rounded, type Figure, type Measure } from './figure.ts'
import { withRouter, type BenchRouter } from './lab/router.ts'
import { udpRate } from './lab/traffic.ts'
import { openWays } from './lab/ways.ts'

/** Of the router's time, which is slower than ours. */
const windowSeconds = 2
const trafficSeconds = 25

/** What a small UDP datagram costs the router in instructions, each way: a figure that no other load on this machine changes, nor how QEMU's network card works. */
export const datapathInstructions: Measure = async (context) => await withRouter('datapath-instructions', context, async (router) => {
  const device = await router.must(`ip -o -4 address show to ${topology.v4.router} | awk '{print $2}'`)
  const found = new Map<string, number>()
  for (const way of await openWays(router, (why) => { context.say(`datapath-instructions: ${why}`) })) {
    await way.enter()
    let over = false
    const traffic = udpRate(router.tree, way.path, trafficSeconds).finally(() => { over = true })
    const [instructions] = await Promise.all([after(2000).then(async () => {
      const value = await instructionsOfAPacket(router, device)
      if (over) throw new ForgeError('E_LAB', `the traffic of ${way.name} ended before the router had looked at it for ${String(windowSeconds)} s of its time`)
      return value
    }), traffic])
    found.set(way.name, instructions)
    context.say(`datapath-instructions: ${way.name}: ${instructions.toFixed(0)}`)
  }
  return instructionFigures(found)
}, true)

export function instructionFigures(found: ReadonlyMap<string, number>): Figure[] {
  const [inline, isolated] = [found.get('inline'), found.get('isolated')]
  return [
    ...inline !== undefined && isolated !== undefined ? [{ id: 'datapath-instructions', value: rounded(inline / isolated), unit: 'ratio' as const, against: 'instructions for a small UDP datagram: inline against isolated' }] : [],
    ...[...found].map(([name, value]): Figure => ({ id: `datapath-instructions/${name}`, value: rounded(value, 0), unit: 'each', against: 'instructions for a small UDP datagram' })),
  ]
}

/** The router's clock counts instructions, so the time that it was not idle is how many it carried out. */
async function instructionsOfAPacket(router: BenchRouter, device: string): Promise<number> {
  const look = 'read now idle < /proc/uptime && read packets < "/sys/class/net/$device/statistics/tx_packets" && echo $now $idle $packets'
  const output = await router.must(`device=${device}; ${look}; sleep ${String(windowSeconds)}; ${look}`)
  const [before = [], behind = []] = output.split('\n').map((line) => line.split(' ').map(Number))
  const [elapsed = NaN, idle = NaN, packets = NaN] = behind.map((value, at) => value - (before[at] ?? NaN))
  return (elapsed - idle) * 1e9 / packets
}
