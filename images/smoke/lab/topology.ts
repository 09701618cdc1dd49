/**
 * The lab's network, in documentation addresses (RFC 3849, RFC 5737) only:
 *
 *   IPv6-only host ──tap── router (the guest) ──tap── transit ──veth, MTU 1400── IPv4-only host
 *
 * Transit is an ordinary IPv4 router: it gives traceroute a hop to show, and is where IPv4's smaller MTU begins.
 */
export const topology = {
  pool6: '64:ff9b::/96',
  v6: { mac: '52:54:00:64:00:06', tap: 'lab-v6', router: '2001:db8:64::1', host: '2001:db8:64::2', prefixLength: 64, mtu: 1500 },
  v4: { mac: '52:54:00:64:00:04', tap: 'lab-v4', router: '192.0.2.1', transit: '192.0.2.2', prefixLength: 30, mtu: 1500 },
  /** A second router on the same two networks, where there is one. It has no IPv4 address until it takes over. */
  standby: { v6: { mac: '52:54:00:64:01:06', tap: 'lab-v6-2', router: '2001:db8:64::3' }, v4: { mac: '52:54:00:64:01:04', tap: 'lab-v4-2' } },
  far: { transit: '198.51.100.1', host: '198.51.100.2', prefixLength: 24, mtu: 1400 },
  /** Used for nothing else, so that every port is free for translation. */
  pool4: '203.0.113.64',
  /** Where the IPv4 host answers TCP and UDP. */
  port: 7000,
  instance: 'lab',
} as const

export type GuestRole = 'router' | 'standby'

/** An IPv4 address as IPv6 hosts write it, below a prefix of 96 bits: 198.51.100.2 is 64:ff9b::c633:6402 (RFC 6052). */
export function translated(ipv4: string, prefix: string = topology.pool6): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
  return `${prefix.replace(/\/96$/, '')}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}
