import { demand } from '../../checks/check.ts'
import { pattern, tcp, udp, type Extension } from '../../packets/packet.ts'
import { as4, as6, from4, from6 } from '../flow.ts'
import { both, entries, joolSource, stateless, taygaSource, unchecked, type Limit } from '../entry.ts'
import { plainConfig, world } from '../world.ts'

const { port, peerPort } = world

const header = { rfc: 7915, kinds: both, config: plainConfig } as const
/** A router alert and padding (RFC 2711), and a destination option that may be skipped. */
const hopByHop: Extension = { kind: 'hop-by-hop', data: Buffer.from('050200000100', 'hex') }
const destination: Extension = { kind: 'destination', data: Buffer.from('010400000000', 'hex') }
const routing = (segmentsLeft: number): Extension => ({ kind: 'routing', data: Buffer.concat([Buffer.from([0, segmentsLeft, 0, 0, 0, 0]), Buffer.alloc(16, 0x20)]) })

const sourceRouted: readonly Limit[] = (['jool', 'tayga'] as const).map((engine) => ({ engine, modes: ['isolated'], what: 'the router before the translator drops source-routed packets without a word (accept_source_route)', source: 'https://docs.kernel.org/networking/ip-sysctl.html' }))

export const rfc7915Headers = entries([
  {
    ...header, id: 'rfc7915-64-header', section: '5.1', title: 'IPv6 to IPv4: the hop limit falls by one, the flow label is forgotten, a small packet may be fragmented',
    run: async (bench) => {
      await bench.translates('v6', from6({ flowLabel: 0x12345, hopLimit: 57 }), as4({ ttl: bench.hop(57) }))
      return 'TTL 56, DF clear, checksums right'
    },
  },
  {
    ...header, id: 'rfc7915-64-traffic-class', section: '5.1', title: 'IPv6 to IPv4: the traffic class becomes the TOS, with all of its bits',
    limits: [{ engine: 'jool', what: 'Jool takes the TOS from its route look-up, where Linux has cleared the upper three bits and ECN: most of DSCP is lost', source: joolSource('rfc7915/6to4.c#L648') }],
    run: async (bench) => {
      for (const octet of [0x04, 0x2e, 0xb8, 0xff]) await bench.translates('v6', from6({ trafficClass: octet }), as4({ tos: octet, ttl: bench.hop(64) }))
      return 'TOS 04, 2e, b8, ff'
    },
  },
  {
    ...header, id: 'rfc7915-46-header', section: '4.1', title: 'IPv4 to IPv6: TOS becomes traffic class, the TTL falls by one, no flow label, no Fragment Header',
    run: async (bench) => {
      for (const df of [true, false]) await bench.translates('v4', from4({ tos: 0xb8, ttl: 33, identification: 4711, df }), as6({ trafficClass: 0xb8, hopLimit: bench.hop(33) }))
      return 'traffic class b8, hop limit 32, flow label 0; with DF and without'
    },
  },
  {
    ...header, id: 'rfc7915-64-df-small', section: '5.1', title: 'IPv6 to IPv4: DF is clear up to a length of 1260',
    limits: [{ engine: 'tayga', what: 'TAYGA 0.9.2 sets DF whatever the length; a later one does not', source: taygaSource('nat64.c#L649') }],
    run: async (bench) => {
      const got = await bench.translates('v6', from6({}, 1232), as4({ df: false, ttl: bench.hop(64) }, 1232))
      demand(got.version === 4 && !got.df, '1260 bytes with DF')
      return '1260 bytes without DF'
    },
  },
  {
    ...header, id: 'rfc7915-64-df-large', section: '5.1', title: 'IPv6 to IPv4: DF is set above a length of 1260',
    run: async (bench) => {
      for (const length of [1233, 1452]) await bench.translates('v6', from6({}, length), as4({ df: true, ttl: bench.hop(64) }, length))
      return '1261 and 1480 bytes with DF'
    },
  },
  {
    ...header, id: 'rfc7915-64-hop-limit', section: '5.1', title: 'IPv6 to IPv4: a hop limit that ends here is answered with Time Exceeded',
    run: async (bench) => {
      const packet = from6({ hopLimit: 1 })
      await bench.refuses(packet, { type: 3, code: 0 }, { by: 'router' })
      return 'ICMPv6 3/0 with the whole packet'
    },
  },
  {
    ...header, id: 'rfc7915-46-ttl', section: '4.1', title: 'IPv4 to IPv6: a TTL that ends here is answered with Time Exceeded',
    run: async (bench) => {
      const packet = from4({ ttl: 1 })
      await bench.refuses(packet, { type: 11, code: 0 }, { by: 'router' })
      return 'ICMP 11/0 with the whole packet'
    },
  },
  {
    ...header, id: 'rfc7915-64-extensions', section: '5.1', title: 'IPv6 to IPv4: hop-by-hop and destination options and a used-up routing header are left out',
    run: async (bench) => {
      for (const extensions of [[hopByHop], [destination], [routing(0)], [hopByHop, destination, routing(0)]]) await bench.translates('v6', from6({ extensions }), as4({ ttl: bench.hop(64) }))
      return 'each alone, and all three'
    },
  },
  {
    ...header, id: 'rfc7915-64-routing', section: '5.1', title: 'IPv6 to IPv4: a routing header with segments left is refused, with a pointer to that field',
    limits: [{ engine: 'tayga', what: 'TAYGA leaves routing headers out, used up or not', source: taygaSource('nat64.c#L765') }],
    run: async (bench) => {
      const packet = from6({ extensions: [routing(1)] })
      await bench.refuses(packet, { type: 4, code: 0, rest: 43 })
      const behind = from6({ extensions: [hopByHop, routing(1)] })
      await bench.refuses(behind, { type: 4, code: 0, rest: 51 })
      return 'ICMPv6 4/0, pointer 43, and 51 behind a hop-by-hop header'
    },
  },
  {
    ...header, id: 'rfc7915-46-options', section: '4.1', title: 'IPv4 to IPv6: options are left out',
    run: async (bench) => {
      // Record route with room; no-operation and timestamp.
      for (const options of ['07070400000000', '01440c0500000000000000000000']) await bench.translates('v4', from4({ options: Buffer.from(options, 'hex') }), as6({ hopLimit: bench.hop(64) }))
      return 'record route, timestamp'
    },
  },
  {
    ...header, id: 'rfc7915-46-used-source-route', section: '4.1', title: 'IPv4 to IPv6: a source route that is used up is left out',
    limits: sourceRouted,
    run: async (bench) => {
      // Loose and strict; the pointer is past the end.
      for (const options of ['830708c0000209', '890708c0000209']) await bench.translates('v4', from4({ options: Buffer.from(options, 'hex') }), as6({ hopLimit: bench.hop(64) }))
      return 'loose and strict'
    },
  },
  {
    ...header, id: 'rfc7915-46-source-route', section: '4.1', title: 'IPv4 to IPv6: a source route with hops left is refused with Source Route Failed',
    limits: sourceRouted,
    run: async (bench) => {
      for (const type of ['83', '89']) {
        const packet = from4({ options: Buffer.from(`${type}0704c0000209`, 'hex') })
        // The kernel's answer is sent along the recorded route, with options of its own.
        await bench.refuses(packet, { type: 3, code: 5 }, { except: ['options', 'length', 'dst'] })
      }
      return 'ICMP 3/5 for loose and strict'
    },
  },
  {
    ...header, id: 'rfc7915-64-tcp', section: '5.5', title: 'IPv6 to IPv4: a TCP segment keeps all of its header, but for the checksum',
    run: async (bench) => {
      const segment = tcp(port, peerPort, 'S', { seq: 0x11223344, window: 4321, options: Buffer.from('020405a00101080a0102030400000000', 'hex') })
      await bench.translates('v6', from6({ payload: segment }), as4({ payload: segment, ttl: bench.hop(64) }))
      return 'sequence, window, options kept; checksum right'
    },
  },
  {
    ...header, id: 'rfc7915-46-tcp', section: '4.5', title: 'IPv4 to IPv6: a TCP segment keeps all of its header, but for the checksum',
    run: async (bench) => {
      const segment = tcp(peerPort + 1, port, 'S', { seq: 0xffffffff, window: 1, options: Buffer.from('0204020003030700', 'hex') })
      await bench.translates('v4', from4({ payload: segment }), as6({ payload: segment, hopLimit: bench.hop(64) }))
      return 'sequence, window, options kept; checksum right'
    },
  },
  {
    ...header, id: 'rfc7915-46-udp-zero-nat64', kinds: ['nat64'], section: '4.5', title: 'IPv4 to IPv6: a datagram without a checksum gets one (stateful)',
    limits: unchecked,
    run: async (bench) => {
      await bench.translates('v4', from4({ payload: udp(peerPort, port, pattern(33), 0) }), as6({ payload: udp(peerPort, port, pattern(33)), hopLimit: bench.hop(64) }))
      return 'the checksum of IPv6'
    },
  },
  {
    ...header, id: 'rfc7915-46-udp-zero-amend', kinds: stateless, section: '4.5', title: 'IPv4 to IPv6: a datagram without a checksum gets one, where that is asked for',
    limits: unchecked,
    config: (kind) => plainConfig(kind, { options: { 'amend-udp-checksum-zero': 'true' } }),
    run: async (bench) => {
      await bench.translates('v4', from4({ payload: udp(peerPort, port, pattern(33), 0) }), as6({ payload: udp(peerPort, port, pattern(33)), hopLimit: bench.hop(64) }))
      return 'the checksum of IPv6'
    },
  },
  {
    ...header, id: 'rfc7915-46-udp-zero-drop', kinds: stateless, section: '4.5', title: 'IPv4 to IPv6: a datagram without a checksum is refused, where computing one is not asked for',
    limits: unchecked,
    config: (kind) => plainConfig(kind, { options: { 'amend-udp-checksum-zero': 'false' } }),
    run: async (bench) => {
      const packet = from4({ payload: udp(peerPort, port, pattern(33), 0) })
      await bench.refuses(packet, { type: 3, code: 13 })
      return 'ICMP 3/13 (section 4.4), nothing on the IPv6 side'
    },
  },
  {
    ...header, id: 'rfc7915-64-other-protocol', kinds: stateless, section: '5.5', title: 'IPv6 to IPv4: a transport that nobody knows is passed on as it is',
    run: async (bench) => {
      for (const protocol of [33, 47, 132, 253]) await bench.translates('v6', from6({ payload: { kind: 'opaque', protocol, data: pattern(40) } }), as4({ payload: { kind: 'opaque', protocol, data: pattern(40) }, ttl: bench.hop(64) }))
      return 'protocols 33, 47, 132, 253'
    },
  },
  {
    ...header, id: 'rfc7915-46-other-protocol', kinds: stateless, section: '4.5', title: 'IPv4 to IPv6: a transport that nobody knows is passed on as it is',
    run: async (bench) => {
      for (const protocol of [33, 47, 132, 253]) await bench.translates('v4', from4({ payload: { kind: 'opaque', protocol, data: pattern(40) } }), as6({ payload: { kind: 'opaque', protocol, data: pattern(40) }, hopLimit: bench.hop(64) }))
      return 'protocols 33, 47, 132, 253'
    },
  },
])
