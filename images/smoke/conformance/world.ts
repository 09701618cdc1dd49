import { embed } from '../packets/address.ts'
import { topology } from '../lab/topology.ts'
import type { TranslatorConfig, TranslationKind } from './translator.ts'

/** Not the well-known one: the addresses of the table are for documentation, and TAYGA translates none of these under that. */
const prefix = '2001:db8:64ff::/96'

/**
 * Who is who in the table. None of these hosts exists: both wires speak for all of them. IPv6 hosts are behind the lab's IPv6 host,
 * IPv4 hosts in a prefix that transit throws away, so that no kernel answers or complains.
 */
export const world = {
  prefix,
  /** The IPv6 hosts, and what IPv4 sees of the first two. */
  hosts6: '2001:db8:6464::/48',
  a6: '2001:db8:6464::a',
  b6: '2001:db8:6464::b',
  a4: '203.0.113.65',
  b4: '203.0.113.66',
  /** Fixed mappings of `a` and `b` have this port, and this ICMP identifier. */
  port: 6400,
  /** IPv4 hosts, and a router before them. */
  hosts4: '203.0.113.128/25',
  s4: '203.0.113.130',
  t4: '203.0.113.131',
  r4: '203.0.113.254',
  s6: embed(prefix, '203.0.113.130'),
  t6: embed(prefix, '203.0.113.131'),
  r6: embed(prefix, '203.0.113.254'),
  peerPort: 7100,
  /** An IPv6 router that has no IPv4 address. */
  far6: '2001:db8:6464:ffff::1',
  /** Who asks the router for a sign of life. */
  probe6: '2001:db8:6464:eeee::1',
  probe4: '203.0.113.253',
  router6: topology.v6.router,
  router4: topology.v4.router,
} as const

/** The configuration of most entries: `a` and `b` are reachable, on `port`, under their IPv4 addresses. */
export function plainConfig(kind: TranslationKind, change: Partial<TranslatorConfig> = {}): TranslatorConfig {
  const { prefix, a6, b6, a4, b4, port } = world
  const empty: TranslatorConfig = { kind, prefix, pools: [], statics: [], maps: [], options: {} }
  if (kind === 'nat46') return { ...empty, maps: [{ ipv4: a4, ipv6: a6 }, { ipv4: b4, ipv6: b6 }], ...change }
  const protocols = ['tcp', 'udp', 'icmp'] as const
  return {
    ...empty,
    pools: protocols.flatMap((protocol) => [a4, b4].map((address) => ({ protocol, address, ports: protocol === 'icmp' ? '0-65535' : '1-65535' }))),
    statics: protocols.flatMap((protocol) => [{ inside: a6, outside: a4 }, { inside: b6, outside: b4 }].map((pair) => ({ protocol, ...pair, insidePort: port, outsidePort: port }))),
    ...change,
  }
}
