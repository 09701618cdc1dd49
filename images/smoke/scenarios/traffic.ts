import { demand } from '../checks/check.ts'
import type { HostClient } from '../lab/host-client.ts'
import { topology, translated } from '../lab/topology.ts'
import type { ScenarioContext } from './scenario.ts'

/** The IPv4 host, as IPv6 hosts call it. */
export const farTarget = translated(topology.far.host)
const { port } = topology
/** Enough to be no accident, few enough to count. */
export const datagrams = 20

/** One connection from the IPv6 host to the IPv4 host, content verified; who the IPv4 host saw. @throws TrafficFailed, CheckFailed */
export async function tcp({ ipv6Host, scaled }: ScenarioContext, target = farTarget): Promise<string> {
  return (await ipv6Host.call('exchangeTcp', { host: target, port, upload: 2000, download: 2000, timeoutMs: scaled(15_000) })).peer
}

/** How many of `datagrams` came back. */
export async function echoed({ ipv6Host, scaled }: ScenarioContext, target = farTarget): Promise<number> {
  return (await ipv6Host.call('exchangeUdp', { host: target, port, count: datagrams, sizeBytes: 100, window: 5, timeoutMs: scaled(4_000) })).returned
}

/** @throws CheckFailed */
export async function demandEchoed(context: ScenarioContext, when: string, target = farTarget): Promise<void> {
  const returned = await echoed(context, target)
  demand(returned === datagrams, `${when}: ${String(datagrams - returned)} of ${String(datagrams)} datagrams did not come back`)
}

/** What the IPv4 host heard so far. */
export async function heard({ ipv4Host }: ScenarioContext): Promise<number> {
  return (await ipv4Host.call('heard', { host: topology.far.host, port })).count
}

/** @throws CheckFailed when a host does not answer before the deadline */
export async function awaitPing(host: HostClient, address: string, deadlineMs: number): Promise<void> {
  const until = performance.now() + deadlineMs
  for (;;) {
    const { status } = await host.call('exec', { argv: ['ping', '-n', '-c', '1', '-W', '1', address], timeoutMs: 10_000 })
    if (status === 0) return
    demand(performance.now() < until, `${host.name}: no answer from ${address} within ${String(Math.round(deadlineMs / 1000))} s`)
  }
}
