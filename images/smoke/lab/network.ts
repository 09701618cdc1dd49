import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { HostClient } from './host-client.ts'
import { topology } from './topology.ts'
import type { LabTree } from './tree.ts'

const { v6, v4, far, pool4, standby } = topology

/**
 * Takes QEMU's tap devices to where they belong and gives the hosts their addresses. The guest must not run yet:
 * what it sends at first has to find its neighbours.
 * @throws ForgeError E_LAB
 */
export async function connectHosts({ transit, ipv6Host, ipv4Host }: LabTree): Promise<void> {
  const [pid6, pid4] = await Promise.all([ipv6Host, ipv4Host].map(async (host) => String((await host.call('hello', {})).pid)))
  await noIpv6(transit)
  await noIpv6(ipv4Host)
  await transit.must('ip', 'link', 'set', v6.tap, 'netns', pid6 ?? '')
  await transit.must('ip', 'link', 'add', 'far', 'mtu', String(far.mtu), 'type', 'veth', 'peer', 'name', 'eth0', 'mtu', String(far.mtu), 'netns', pid4 ?? '')

  // Its loopback stays down: this host has no IPv4 address at all, not even 127.0.0.1.
  await ip(ipv6Host, [
    `link set ${v6.tap} name eth0`, `addr add ${v6.host}/${String(v6.prefixLength)} dev eth0 nodad`, 'link set eth0 up',
    `route add default via ${v6.router}`,
  ])
  await transit.call('write', { files: { '/proc/sys/net/ipv4/ip_forward': '1' } })
  await ip(transit, [
    `addr add ${v4.transit}/${String(v4.prefixLength)} dev ${v4.tap}`, `link set ${v4.tap} up`,
    `addr add ${far.transit}/${String(far.prefixLength)} dev far`, 'link set far up',
    `route add ${pool4}/32 via ${v4.router}`,
    // Every other address is the IPv4 host's, so that a check can name any.
    `route add default via ${far.host}`,
  ])
  await ip(ipv4Host, [
    'link set lo up', `addr add ${far.host}/${String(far.prefixLength)} dev eth0`, 'link set eth0 up', `route add default via ${far.transit}`,
  ])
}

/**
 * `connectHosts` where a second router stands by: both routers' ends of a network are ports of a switch, and a host's interface is that switch.
 * @throws ForgeError E_LAB
 */
export async function connectHostsToBoth(tree: LabTree): Promise<void> {
  const { transit, ipv6Host } = tree
  await connectHosts(tree)
  const { pid } = await ipv6Host.call('hello', {})
  await transit.must('ip', 'link', 'set', standby.v6.tap, 'netns', String(pid))
  await bridge(ipv6Host, 'eth0', standby.v6.tap, [`addr add ${v6.host}/${String(v6.prefixLength)} dev eth0 nodad`, 'link set eth0 up', `route add default via ${v6.router}`])
  await bridge(transit, v4.tap, standby.v4.tap, [`addr add ${v4.transit}/${String(v4.prefixLength)} dev ${v4.tap}`, `link set ${v4.tap} up`, `route add ${pool4}/32 via ${v4.router}`])
}

/** Puts a switch, which has the first port's name from now on, between two ports. What was configured for the first one is configured anew. */
async function bridge(host: HostClient, name: string, other: string, commands: readonly string[]): Promise<void> {
  await ip(host, [
    `link set ${name} down`, `addr flush dev ${name}`, `link set ${name} name first`,
    // An address of its own: it would take a port's, and change it when that router is gone.
    `link add ${name} address 02:64:00:00:00:10 type bridge mcast_snooping 0`, `link set first master ${name}`, `link set ${other} master ${name}`, 'link set first up', `link set ${other} up`, ...commands,
  ])
}

async function ip(host: HostClient, commands: readonly string[]): Promise<void> {
  await host.call('exec', { argv: ['ip', '-batch', '-'], input: `${commands.join('\n')}\n` }).then(({ status, stderr }) => {
    if (status !== 0) throw new ForgeError('E_LAB', `${host.name}: ip -batch: ${stderr.trim()}`)
  })
}

async function noIpv6(host: HostClient): Promise<void> {
  await host.call('write', { files: { '/proc/sys/net/ipv6/conf/all/disable_ipv6': '1', '/proc/sys/net/ipv6/conf/default/disable_ipv6': '1' } })
}
