import type { Log } from '../../../scripts/lib/log.ts'
import type { CheckResult } from '../artifact.ts'
import { demand, runCheck } from '../checks/check.ts'
import { connectHostsToBoth } from '../lab/network.ts'
import { topology } from '../lab/topology.ts'
import { withLabRouters, type LabRouter, type LabRouterInput } from '../lab-router.ts'
import { apply, json, must, prepare } from './nat64ctl.ts'
import { farTarget } from './traffic.ts'

const { v6, v4, standby: other, pool4, port, far } = topology
const mebibyte = 1 << 20
const knownMs = 60_000

export const failOverId = 'fail-over'

/**
 * Two routers that tell each other of their sessions; the one that translates loses its power in the middle of a transfer, and the other one takes its addresses.
 * @throws ForgeError E_LAB, E_BOOT, E_INTERRUPTED
 */
export async function bootFailOver(input: Omit<LabRouterInput, 'counting'> & { log: Log }): Promise<CheckResult> {
  input.log.step('boot two routers for the fail-over')
  return await withLabRouters(input, async (tree) => {
    await connectHostsToBoth(tree)
    await tree.ipv4Host.call('serve', { host: far.host, port })
  }, async (first, standby) => await runCheck(`scenario/${failOverId}`, 'a TCP transfer goes on when its router loses power and another one takes over', async () => await failOver(first, standby)))
}

async function failOver(first: LabRouter, standby: LabRouter): Promise<string> {
  const { tree: { ipv6Host }, scaled } = first
  await Promise.all([first.router.login(), standby.router.login()])
  await first.router.configure()
  const devices = await prepare(first.router, { v6: v6.mac, v4: v4.mac })
  const spare = await prepare(standby.router, { v6: other.v6.mac, v4: other.v4.mac })
  await must(standby.router, `ip link set ${spare.v6} up; ip link set ${spare.v4} up; ip address add ${other.v6.router}/${String(v6.prefixLength)} dev ${spare.v6} nodad`)
  const rules = (device: string): string[] => [
    'nat64 source rule 100 source prefix 64:ff9b::/96', `nat64 source rule 100 translation pool 1 address ${pool4}`, 'nat64 source rule 100 translation pool 1 port 1024-65535',
    `nat64 synchronization interface ${device}`,
  ]
  await apply(first.router, rules(devices.v6))
  await apply(standby.router, rules(spare.v6))

  const { peer, peerPort } = await ipv6Host.call('startTransfer', { host: farTarget, port, timeoutMs: scaled(120_000) })
  demand(peer === pool4, `the IPv4 host saw ${peer}`)
  const session = await known(standby, scaled(knownMs))
  demand(session === peerPort, `the standby router has the session on port ${String(session)}, the IPv4 host on ${String(peerPort)}`)
  await first.guest.cut()
  const cut = performance.now()
  // What keepalived does: the addresses, with the hardware addresses that the neighbours know.
  await must(standby.router, [
    `sysctl -qw net.ipv6.conf.${spare.v6}.ndisc_notify=1 net.ipv4.conf.${spare.v4}.arp_notify=1`,
    `ip link set ${spare.v6} address ${v6.mac}`, `ip link set ${spare.v4} address ${v4.mac}`,
    `ip address add ${v4.router}/${String(v4.prefixLength)} dev ${spare.v4}`, `ip route replace default via ${v4.transit}`, `ip address add ${v6.router}/${String(v6.prefixLength)} dev ${spare.v6} nodad`,
  ].join(' && '))
  const took = performance.now() - cut
  const { bytes, longestMs, ms } = await ipv6Host.call('endTransfer', {})
  return `${String(bytes / mebibyte)} MiB in ${(ms / 1000).toFixed(0)} s on port ${String(session)}, the first router without power in the middle, its addresses moved within ${(took / 1000).toFixed(1)} s; the slowest 64 MiB took ${(longestMs / 1000).toFixed(1)} s; SHA-256 equal`
}

interface Session { protocol: string; state: string; outside: { port: number }; destination: { address: string } }

/** The pool's port of the established session to the IPv4 host. @throws CheckFailed when there is none before the deadline */
async function known({ router }: LabRouter, deadlineMs: number): Promise<number> {
  const until = performance.now() + deadlineMs
  for (;;) {
    const rows = await json(router, 'nat64ctl show translations --json') as Session[]
    const row = rows.find(({ protocol, state, destination }) => protocol === 'tcp' && state === 'ESTABLISHED' && destination.address === far.host)
    if (row) return row.outside.port
    demand(performance.now() < until, `no established session within ${String(Math.round(deadlineMs / 1000))} s`)
  }
}
