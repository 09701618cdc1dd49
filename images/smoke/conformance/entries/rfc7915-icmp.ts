import { encode } from '../../packets/encode.ts'
import { echoRest, icmp, ip4, ip6, pattern, tcp, type IPv4, type IPv6 } from '../../packets/packet.ts'
import { both, entries, joolSource, joolUntranslatable, stateless, taygaSource, type Entry, type Limit } from '../entry.ts'
import { as4, as6, from4, from6 } from '../flow.ts'
import { plainConfig, world } from '../world.ts'

const { a4, a6, s4, s6, r4, r6, port, peerPort } = world
const header = { rfc: 7915, kinds: both, config: plainConfig } as const

interface Row {
  type: number
  code: number
  rest?: number
  /** Absent: such a message is dropped. */
  to?: { type: number; code: number; rest?: number }
  /** Where it is not obvious. */
  why?: string
  limits?: readonly Limit[]
}

const mtu = (bytes: number): number => bytes
const pointer4 = (byte: number): number => byte << 24 >>> 0

/** Section 4.2. Both networks have an MTU of 1500. */
const from4to6: readonly Row[] = [
  ...[0, 1, 5, 6, 7, 8, 11, 12].map((code) => ({ type: 3, code, to: { type: 1, code: 0 } })),
  { type: 3, code: 2, to: { type: 4, code: 1, rest: 6 }, why: 'a pointer to Next Header' },
  { type: 3, code: 3, to: { type: 1, code: 4 } },
  { type: 3, code: 4, rest: mtu(1400), to: { type: 2, code: 0, rest: mtu(1420) } },
  ...[9, 10, 13, 15].map((code) => ({ type: 3, code, to: { type: 1, code: 1 } })),
  { type: 3, code: 14 },
  { type: 4, code: 0, why: 'source quench' },
  { type: 5, code: 1, rest: 0xcb0071fe, why: 'redirect' },
  { type: 6, code: 0, why: 'alternative host address' },
  { type: 9, code: 0, why: 'router advertisement' },
  { type: 10, code: 0, why: 'router solicitation' },
  ...[0, 1].map((code) => ({ type: 11, code, to: { type: 3, code } })),
  ...[[0, 0], [1, 1], [2, 4], [3, 4], [8, 7], [9, 6], [12, 8], [13, 8], [14, 8], [15, 8], [16, 24], [17, 24], [18, 24], [19, 24]].map(([from = 0, to = 0]) => ({ type: 12, code: 0, rest: pointer4(from), to: { type: 4, code: 0, rest: to }, why: `pointer ${String(from)}` })),
  ...[4, 5, 6, 7, 10, 11].map((from) => ({ type: 12, code: 0, rest: pointer4(from), why: `pointer ${String(from)}, which has no counterpart` })),
  { type: 12, code: 1, why: 'missing option' },
  { type: 12, code: 2, rest: pointer4(2), to: { type: 4, code: 0, rest: 4 }, why: 'bad length' },
  ...[13, 14, 15, 16, 17, 18].map((type) => ({ type, code: 0, rest: echoRest(port, 1), why: 'obsolete query' })),
  { type: 42, code: 0, why: 'unknown' },
]

/** Section 5.2. */
const from6to4: readonly Row[] = [
  { type: 1, code: 0, to: { type: 3, code: 1 } },
  { type: 1, code: 1, to: { type: 3, code: 10 } },
  { type: 1, code: 2, to: { type: 3, code: 1 } },
  { type: 1, code: 3, to: { type: 3, code: 1 }, limits: [{ engine: 'tayga', what: 'TAYGA drops "address unreachable"', source: taygaSource('nat64.c#L861') }] },
  { type: 1, code: 4, to: { type: 3, code: 3 } },
  { type: 1, code: 7, why: 'unknown code' },
  { type: 2, code: 0, rest: mtu(1420), to: { type: 3, code: 4, rest: mtu(1400) } },
  ...[0, 1].map((code) => ({ type: 3, code, to: { type: 11, code } })),
  ...[[0, 0], [1, 1], [4, 2], [5, 2], [6, 9], [7, 8], [8, 12], [23, 12], [24, 16], [39, 16]].map(([from = 0, to = 0]) => ({ type: 4, code: 0, rest: from, to: { type: 12, code: 0, rest: pointer4(to) }, why: `pointer ${String(from)}` })),
  ...[2, 3, 40].map((from) => ({ type: 4, code: 0, rest: from, why: `pointer ${String(from)}, which has no counterpart` })),
  { type: 4, code: 1, rest: 6, to: { type: 3, code: 2 } },
  { type: 4, code: 2, rest: 40, why: 'unknown option' },
  { type: 100, code: 0, why: 'private experiment' },
  ...[130, 131, 132].map((type) => ({ type, code: 0, why: 'multicast listener' })),
  { type: 200, code: 0, why: 'unknown' },
]

const informational = (type: number, version: 4 | 6): boolean => version === 6 ? type >= 128 : ![3, 4, 5, 11, 12].includes(type)

/** What `a` sent to `s` when `s` or a router before it complains, and what the router `r` then says. */
const complaint4 = ({ type, code, rest = 0 }: Row, about: IPv4 = as4({ ttl: 60, identification: 77 })): IPv4 =>
  ip4({ src: r4, dst: a4, payload: icmp(type, code, rest, informational(type, 4) ? pattern(24) : encode(about)) })
const complaint6 = ({ type, code, rest = 0 }: Row, about: IPv6 = as6({ hopLimit: 60 })): IPv6 =>
  ip6({ src: a6, dst: s6, payload: icmp(type, code, rest, informational(type, 6) ? pattern(24) : encode(about)) })

/** NAT64 gives the router's kernel what it cannot translate, and that answers that there is no way. */
const answered: readonly Limit[] = [{ engine: 'jool', kinds: ['nat64'], what: 'Jool returns messages of types that it does not translate to the kernel, which answers that their destination is unreachable', source: joolUntranslatable }]

const pointerless: readonly Limit[] = [{ engine: 'tayga', what: 'TAYGA translates no Parameter Problem with a pointer', source: taygaSource('nat64.c#L486') }]

function named({ type, code, rest, to, why }: Row, words: string): { id: string; title: string } {
  const what = `${String(type)}/${String(code)}${why === undefined ? '' : ` (${why})`}`
  return {
    id: `${String(type)}-${String(code)}${why?.startsWith('pointer') === true ? `-p${String(type === 12 ? (rest ?? 0) >>> 24 : rest)}` : ''}`,
    title: `${words} ${what} ${to === undefined ? 'is dropped' : `becomes ${String(to.type)}/${String(to.code)}`}`,
  }
}

const table: readonly Entry[] = [
  ...from4to6.map((row): Entry => {
    const { id, title } = named(row, 'ICMP')
    return {
      ...header, id: `rfc7915-46-icmp-${id}`, section: '4.2', title, ...row.type >= 13 && row.type <= 18 ? { limits: answered } : row.type === 12 && row.to !== undefined ? { limits: pointerless } : {},
      run: async (bench) => {
        const sent = complaint4(row)
        if (row.to === undefined) await bench.drops('v4', sent)
        else await bench.translates('v4', sent, ip6({ src: r6, dst: a6, hopLimit: bench.hop(64), payload: icmp(row.to.type, row.to.code, row.to.rest ?? 0, encode(from6({ hopLimit: 60 }))) }))
        return row.to === undefined ? 'nothing came of it' : 'the packet inside translated too, its hop limit kept'
      },
    }
  }),
  ...from6to4.map((row): Entry => {
    const { id, title } = named(row, 'ICMPv6')
    return {
      ...header, id: `rfc7915-64-icmp-${id}`, section: '5.2', title, ...row.type >= 128 ? { limits: answered } : row.to?.type === 12 ? { limits: pointerless } : row.limits === undefined ? {} : { limits: row.limits },
      run: async (bench) => {
        const sent = complaint6(row)
        if (row.to === undefined) await bench.drops('v6', sent)
        else await bench.translates('v6', sent, ip4({ src: a4, dst: s4, ttl: bench.hop(64), payload: icmp(row.to.type, row.to.code, row.to.rest ?? 0, encode(from4({ ttl: 60 }))) }))
        return row.to === undefined ? 'nothing came of it' : 'the packet inside translated too, its TTL kept'
      },
    }
  }),
]

export const rfc7915Icmp = entries([
  {
    ...header, id: 'rfc7915-64-echo', section: '5.2', title: 'ICMPv6 echo request and reply 128/129 become 8/0',
    run: async (bench) => {
      for (const [type, becomes] of [[128, 8], [129, 0]] as const) {
        await bench.translates('v6', from6({ payload: icmp(type, 0, echoRest(port, 3), pattern(56)) }), as4({ ttl: bench.hop(64), payload: icmp(becomes, 0, echoRest(port, 3), pattern(56)) }))
      }
      return 'identifier, sequence and data kept; checksum without IPv6\'s pseudo-header'
    },
  },
  {
    ...header, id: 'rfc7915-46-echo', section: '4.2', title: 'ICMP echo request and reply 8/0 become 128/129',
    run: async (bench) => {
      for (const [type, becomes] of [[8, 128], [0, 129]] as const) {
        await bench.translates('v4', from4({ payload: icmp(type, 0, echoRest(port, 4), pattern(57)) }), as6({ hopLimit: bench.hop(64), payload: icmp(becomes, 0, echoRest(port, 4), pattern(57)) }))
      }
      return 'identifier, sequence and data kept; checksum with IPv6\'s pseudo-header'
    },
  },
  ...table,
  {
    ...header, id: 'rfc7915-46-mtu-zero', section: '4.2', title: 'Fragmentation Needed without an MTU: the next lower plateau of RFC 1191 is told',
    run: async (bench) => {
      const seen: string[] = []
      // The plateau below the length of the packet that was too big: 1006 and 1492.
      for (const [data, plateau] of [[1172, 1006], [1472, 1492]] as const) {
        const about = as4({ ttl: 60, df: true }, data)
        const expected = Math.min(bench.setup.mtu, Math.max(1280, plateau + 20))
        const sent = complaint4({ type: 3, code: 4, rest: 0 }, about)
        const cut = { ...sent, payload: icmp(3, 4, 0, encode(about).subarray(0, 28 + 64)) }
        const inner = encode(from6({ hopLimit: 60 }, data)).subarray(0, 48 + 64)
        await bench.translates('v4', cut, ip6({ src: r6, dst: a6, hopLimit: bench.hop(64), payload: icmp(2, 0, expected, inner) }))
        seen.push(`${String(28 + data)} bytes: ${String(expected)}`)
      }
      return seen.join(', ')
    },
  },
  {
    ...header, id: 'rfc7915-46-mtu-minimum', section: '5', title: 'Packet Too Big never tells less than 1280',
    run: async (bench) => {
      for (const small of [68, 576, 1259]) {
        await bench.translates('v4', complaint4({ type: 3, code: 4, rest: small }), ip6({ src: r6, dst: a6, hopLimit: bench.hop(64), payload: icmp(2, 0, 1280, encode(from6({ hopLimit: 60 }))) }))
      }
      return 'MTU 68, 576 and 1259 become 1280'
    },
  },
  {
    ...header, id: 'rfc7915-46-mtu-nexthop', section: '4.2', title: 'Packet Too Big tells no more than the next networks carry',
    run: async (bench) => {
      await bench.translates('v4', complaint4({ type: 3, code: 4, rest: 9000 }), ip6({ src: r6, dst: a6, hopLimit: bench.hop(64), payload: icmp(2, 0, Math.min(9020, bench.setup.mtu), encode(from6({ hopLimit: 60 }))) }))
      return `MTU 9000 becomes ${String(Math.min(9020, bench.setup.mtu))}`
    },
  },
  {
    ...header, id: 'rfc7915-64-mtu-nexthop', section: '5.2', title: 'Fragmentation Needed tells no more than the next networks carry',
    run: async (bench) => {
      await bench.translates('v6', complaint6({ type: 2, code: 0, rest: 9000 }), ip4({ src: a4, dst: s4, ttl: bench.hop(64), payload: icmp(3, 4, Math.min(9000, bench.setup.mtu) - 20, encode(from4({ ttl: 60 }))) }))
      return `MTU 9000 becomes ${String(Math.min(9000, bench.setup.mtu) - 20)}`
    },
  },
  {
    ...header, id: 'rfc7915-46-error-tcp', section: '4.3', title: 'an ICMP error about a TCP segment, of which eight bytes are quoted',
    limits: [
      { engine: 'jool', what: 'Jool wants the whole TCP header in the packet that an error is about; RFC 792 promises eight bytes of it', source: joolSource('packet.c#L414') },
      { engine: 'tayga', what: 'TAYGA does too', source: taygaSource('nat64.c#L197') },
    ],
    run: async (bench) => {
      const segment = tcp(port, peerPort, 'S', { seq: 99 })
      const about = encode(as4({ ttl: 60, payload: segment })).subarray(0, 28)
      const inner = encode(from6({ hopLimit: 60, payload: segment })).subarray(0, 48)
      await bench.translates('v4', ip4({ src: r4, dst: a4, payload: icmp(3, 1, 0, about) }), ip6({ src: r6, dst: a6, hopLimit: bench.hop(64), payload: icmp(1, 0, 0, inner) }))
      return 'ports and sequence number translated; nothing added'
    },
  },
  {
    ...header, id: 'rfc7915-46-error-echo', section: '4.3', title: 'an ICMP error about an echo request: the message inside has its type and checksum translated',
    run: async (bench) => {
      const echo = (type: number) => icmp(type, 0, echoRest(port, 9), pattern(16))
      await bench.translates('v4', ip4({ src: r4, dst: a4, payload: icmp(11, 0, 0, encode(as4({ ttl: 1, payload: echo(8) }))) }),
        ip6({ src: r6, dst: a6, hopLimit: bench.hop(64), payload: icmp(3, 0, 0, encode(from6({ hopLimit: 1, payload: echo(128) }))) }))
      return '8 inside becomes 128'
    },
  },
  {
    ...header, id: 'rfc7915-64-error-echo', section: '5.3', title: 'an ICMPv6 error about an echo request: the message inside has its type and checksum translated',
    run: async (bench) => {
      const echo = (type: number) => icmp(type, 0, echoRest(port, 9), pattern(16))
      await bench.translates('v6', ip6({ src: a6, dst: s6, payload: icmp(3, 0, 0, encode(as6({ hopLimit: 1, payload: echo(128) }))) }),
        ip4({ src: a4, dst: s4, ttl: bench.hop(64), payload: icmp(11, 0, 0, encode(from4({ ttl: 1, payload: echo(8) }))) }))
      return '128 inside becomes 8'
    },
  },
  {
    ...header, id: 'rfc7915-46-error-in-error', section: '4.3', title: 'an ICMP error about an ICMP error is dropped',
    limits: [{ engine: 'jool', kinds: ['nat46'], what: 'stateless, Jool looks for an error inside an error from IPv6 only', source: joolSource('packet.c#L424') }],
    run: async (bench) => {
      const inner = as4({ payload: icmp(3, 3, 0, encode(from4())) })
      await bench.drops('v4', ip4({ src: r4, dst: a4, payload: icmp(3, 1, 0, encode(inner)) }))
      return 'nothing came of it'
    },
  },
  {
    ...header, id: 'rfc7915-46-error-extension', kinds: stateless, section: '4.2', title: 'an ICMP extension (RFC 4884) is passed on, and the length of what is before it adjusted',
    limits: [{ engine: 'tayga', what: 'TAYGA leaves extensions out', source: taygaSource('nat64.c#L406') }],
    run: async (bench) => {
      // 132 bytes of a packet, then an extension: version 2, checksum, an MPLS label object (RFC 4950).
      const extension = Buffer.from('20000000000801010001e101', 'hex')
      const about = encode(as4({ ttl: 60 }, 104))
      const translated = encode(from6({ hopLimit: 60 }, 104))
      const sent = ip4({ src: r4, dst: a4, payload: icmp(11, 0, 33 << 16, Buffer.concat([about, extension])) })
      await bench.translates('v4', sent, ip6({ src: r6, dst: a6, hopLimit: bench.hop(64), payload: icmp(3, 0, translated.length / 8 << 24 >>> 0, Buffer.concat([translated, extension])) }))
      return `33 words become ${String(translated.length / 8)} double words; the extension unchanged`
    },
  },
])
