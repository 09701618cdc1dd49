import { demand } from '../../checks/check.ts'
import { encode, encodePayload } from '../../packets/encode.ts'
import { fragment4, fragment6, reassembled } from '../../packets/fragments.ts'
import { echoRest, icmp, pattern, udp, type Packet } from '../../packets/packet.ts'
import { demandEqual, kernelsOwn, shown, type Bench, type Seen, type Side } from '../bench.ts'
import { both, entries, joolSource, stateful, stateless, taygaSource, unchecked, type Limit } from '../entry.ts'
import { as4, as6, from4, from6 } from '../flow.ts'
import { plainConfig, world } from '../world.ts'

const { port, peerPort } = world
const header = { rfc: 7915, kinds: both, config: plainConfig } as const
const id = 0xabcd1234
const low = id & 0xffff

const small: readonly Limit[] = [{ engine: 'jool', what: 'IPv4 fragments that are each below 1280 bytes are reassembled and then too long for IPv6', source: 'https://github.com/NICMx/Jool/issues/442' }]

/** All orders of three. */
const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const

/** Fragments of one packet arrived on one side, and are it again when put together. */
function demandWhole(seen: Seen, side: Side, whole: Packet, most: number): Packet[] {
  const got = seen[side]
  const other = seen[side === 'v6' ? 'v4' : 'v6']
  demand(got.length > 0 && other.length === 0, `expected fragments on ${side}, got ${shown(seen)}`)
  for (const packet of got) {
    demand(packet.src === whole.src && packet.dst === whole.dst, `a fragment ${packet.src} > ${packet.dst}`)
    demand(encode(packet).length <= most, `a fragment of ${String(encode(packet).length)} bytes, at most ${String(most)} fit`)
  }
  const { data } = reassembled(got)
  demand(data.equals(encodePayload(whole)), `put together they are ${String(data.length)} other bytes than the ${String(encodePayload(whole).length)} sent`)
  return got
}

/** Isolated, it is the router behind the translator that says so, in the other protocol: its quotation may be shorter, and its address is translated. */
function translatedComplaint({ setup }: Bench, hop: 'ttl' | 'hopLimit'): string[] {
  return setup.mode === 'isolated' ? ['src', 'length', 'payload.checksum', 'payload.inner.payload.data', `payload.inner.${hop}`, 'payload.inner.identification'] : []
}

async function inAnyOrder(bench: Bench, side: Side, parts: (order: number) => readonly Packet[], whole: Packet): Promise<string> {
  for (const [index, order] of orders.entries()) {
    const cut = parts(index)
    const seen = await bench.exchange(side, ...order.flatMap((at) => cut[at] ?? []))
    demandWhole(seen, side === 'v6' ? 'v4' : 'v6', whole, 1500)
  }
  return 'all six orders of three fragments, put together again each time'
}

export const rfc7915Fragments = entries([
  {
    ...header, id: 'rfc7915-64-fragment', kinds: stateless, section: '5.1.1', title: 'IPv6 fragments become IPv4 fragments: offset and M kept, 16 bits of the identification, DF clear',
    run: async (bench) => {
      const sent = fragment6(from6({}, 1000), 504, id)
      const want = fragment4(as4({ identification: low, ttl: bench.hop(64) }, 1000), 504)
      const seen = await bench.exchange('v6', ...sent)
      demand(seen.v4.length === 2 && seen.v6.length === 0, `expected 2 fragments, got ${shown(seen)}`)
      for (const [index, packet] of want.entries()) demandEqual(seen.v4[index] ?? packet, packet)
      return 'two fragments of 504 bytes, identification 1234'
    },
  },
  {
    ...header, id: 'rfc7915-46-fragment', kinds: stateless, section: '4.1', title: 'IPv4 fragments become IPv6 fragments: offset and MF kept, the identification below 16 zero bits',
    run: async (bench) => {
      const sent = fragment4(from4({ identification: low }, 1000), 504)
      const want = fragment6(as6({ hopLimit: bench.hop(64) }, 1000), 504, low)
      const seen = await bench.exchange('v4', ...sent)
      demand(seen.v6.length === 2 && seen.v4.length === 0, `expected 2 fragments, got ${shown(seen)}`)
      for (const [index, packet] of want.entries()) demandEqual(seen.v6[index] ?? packet, packet)
      return 'two fragments of 504 bytes, identification 00001234'
    },
  },
  {
    ...header, id: 'rfc7915-64-atomic', kinds: stateless, section: '5.1.1', title: 'an IPv6 packet with a Fragment Header that is whole becomes an IPv4 packet with that identification and DF clear',
    run: async (bench) => {
      const sent = from6({ extensions: [{ kind: 'fragment', identification: id, offset: 0, more: false }] })
      const seen = await bench.exchange('v6', sent)
      bench.only(seen, 'v4', as4({ identification: low, ttl: bench.hop(64) }))
      return 'identification 1234'
    },
  },
  {
    ...header, id: 'rfc8021-46-no-atomic', rfc: 8021, section: '3', title: 'no Fragment Header before a packet that is whole, whatever the MTU that was told',
    run: async (bench) => {
      // A Packet Too Big below 1280 is what once asked for atomic fragments.
      await bench.exchange('v6', from6({ payload: icmp(2, 0, 600, encode(as6({ hopLimit: 60 }))) }))
      for (const df of [true, false]) await bench.translates('v4', from4({ df, identification: 9 }, 900), as6({ hopLimit: bench.hop(64) }, 900))
      return 'after a Packet Too Big with MTU 600, with DF and without'
    },
  },
  {
    ...header, id: 'rfc7915-46-split', section: '4.1', title: 'an IPv4 packet without DF that is too long for 1280 is split, its identification kept',
    run: async (bench) => {
      const whole = as6({ hopLimit: bench.hop(64) }, 1400)
      const got = demandWhole(await bench.exchange('v4', from4({ identification: low }, 1400)), 'v6', whole, 1280)
      demand(got.length === 2, `${String(got.length)} fragments, expected 2`)
      for (const [index, packet] of fragment6(whole, got[0]?.payload.kind === 'opaque' ? got[0].payload.data.length : 1232, low).entries()) demandEqual(got[index] ?? packet, packet)
      return `fragments of ${got.map((packet) => String(encode(packet).length)).join(' and ')} bytes, identification 00001234`
    },
  },
  {
    ...header, id: 'rfc7915-46-split-limit', section: '4.1', title: 'an IPv4 packet without DF that fits 1280 exactly is not split',
    run: async (bench) => {
      await bench.translates('v4', from4({ identification: low }, 1232), as6({ hopLimit: bench.hop(64) }, 1232))
      return '1260 bytes become 1280'
    },
  },
  {
    ...header, id: 'rfc7915-46-lowest-mtu', section: '4.1', title: 'the lowest IPv6 MTU can be set: what fits it is not split',
    limits: [{ engine: 'tayga', what: 'the option is Jool\'s; TAYGA 0.9.2 takes 1280', source: taygaSource('conffile.c#L406') }],
    config: (kind) => plainConfig(kind, { options: { 'lowest-ipv6-mtu': '1500' } }),
    run: async (bench) => {
      await bench.translates('v4', from4({ identification: low }, 1452), as6({ hopLimit: bench.hop(64) }, 1452))
      return '1480 bytes become 1500 with lowest-ipv6-mtu 1500'
    },
  },
  {
    ...header, id: 'rfc7915-46-too-big', section: '4.1', title: 'an IPv4 packet with DF that is too long for the IPv6 network is refused with Fragmentation Needed, MTU less 20',
    run: async (bench) => {
      const packet = from4({ df: true, identification: 5 }, 1472)
      bench.only(await bench.exchange('v4', packet), 'v4', bench.complaint(packet, { type: 3, code: 4, rest: 1480 }), [...translatedComplaint(bench, 'ttl'), ...kernelsOwn(packet)])
      await bench.translates('v4', from4({ df: true }, 1452), as6({ hopLimit: bench.hop(64) }, 1452))
      return '1500 bytes: ICMP 3/4 with MTU 1480; 1480 bytes pass'
    },
  },
  {
    ...header, id: 'rfc7915-64-too-big', section: '5', title: 'an IPv6 packet that is too long for the IPv4 network is refused with Packet Too Big, MTU plus 20',
    limits: [{
      engine: 'jool', modes: ['inline', 'iptables'], sometimes: true, what: 'Jool compares with the MTU only what is in a packet\'s first buffer; of a long packet, many drivers put most elsewhere. It then goes to IPv4 with DF, and the kernel complains to the pool',
      source: joolSource('rfc7915/6to4.c#L389'),
    }],
    run: async (bench) => {
      const device = `$(ip -o -4 addr show to ${world.router4} | awk '{print $2}')`
      const set = async (mtu: number): Promise<void> => {
        const { status, output } = await bench.router.run(`ip link set dev ${device} mtu ${String(mtu)}`)
        demand(status === 0, `the router's MTU could not be changed: ${output}`)
      }
      await set(1400)
      try {
        const packet = from6({}, 1452)
        bench.only(await bench.exchange('v6', packet), 'v6', bench.complaint(packet, { type: 2, code: 0, rest: 1420 }), [...translatedComplaint(bench, 'hopLimit'), ...kernelsOwn(packet)])
        await bench.translates('v6', from6({}, 1372), as4({ df: true, ttl: bench.hop(64) }, 1372))
      } finally {
        await set(1500)
      }
      return 'next MTU 1400: 1500 bytes give ICMPv6 2/0 with MTU 1420; 1420 bytes pass'
    },
  },
  {
    ...header, id: 'rfc7915-46-fragment-zero-checksum', kinds: stateless, section: '4.5', title: 'the first fragment of a datagram without a checksum is dropped',
    config: (kind) => plainConfig(kind, { options: { 'amend-udp-checksum-zero': 'true' } }),
    run: async (bench) => {
      const [first] = fragment4(from4({ identification: 21, payload: udp(peerPort, port, pattern(600), 0) }), 304)
      const seen = await bench.exchange('v4', ...first ? [first] : [])
      demand(seen.v6.length === 0, `expected nothing on v6, got ${shown(seen)}`)
      return 'not translated'
    },
  },
  {
    ...header, id: 'rfc6146-64-fragments-any-order', rfc: 6146, section: '3.4', kinds: stateful, needsNoSessions: true, title: 'IPv6 fragments of a datagram are translated in any order',
    run: async (bench) => await inAnyOrder(bench, 'v6', (order) => fragment6(from6({}, 2400), 808, id + order), as4({}, 2400)),
  },
  {
    ...header, id: 'rfc6146-46-fragments-any-order', rfc: 6146, section: '3.4', kinds: stateful, needsNoSessions: true, title: 'IPv4 fragments of a datagram are translated in any order',
    limits: small,
    run: async (bench) => await inAnyOrder(bench, 'v4', (order) => fragment4(from4({ identification: 300 + order }, 2400), 808), as6({}, 2400)),
  },
  {
    ...header, id: 'rfc6146-46-split-zero-checksum', rfc: 6146, section: '3.4', kinds: stateful, title: 'a datagram without a checksum that has to be split gets the right one',
    limits: [{ engine: 'jool', what: 'Jool leaves the checksum to the hardware, which sees only the first fragment', source: joolSource('rfc7915/4to6.c#L1508') }, ...unchecked],
    run: async (bench) => {
      demandWhole(await bench.exchange('v4', from4({ identification: 410, payload: udp(peerPort, port, pattern(1400), 0) })), 'v6', as6({}, 1400), 1280)
      return 'two fragments, the checksum of IPv6 over both'
    },
  },
  {
    ...header, id: 'rfc6146-46-large-fragments-any-order', rfc: 6146, section: '3.4', kinds: stateful, needsNoSessions: true, title: 'IPv4 fragments longer than 1280 are translated in any order, split again',
    run: async (bench) => {
      for (const [index, order] of [[0, 1], [1, 0]].entries()) {
        const cut = fragment4(from4({ identification: 320 + index }, 2400), 1304)
        demandWhole(await bench.exchange('v4', ...order.flatMap((at) => cut[at] ?? [])), 'v6', as6({}, 2400), 1280)
      }
      return 'both orders of two fragments; put together again each time, no part above 1280 bytes'
    },
  },
  {
    ...header, id: 'rfc6146-64-echo-fragments', rfc: 6146, section: '3.4', kinds: stateful, title: 'a fragmented echo request is translated, its checksum right',
    limits: [{ engine: 'tayga', what: 'TAYGA takes the first fragment of a message for all of it in its checksum', source: taygaSource('nat64.c#L666') }],
    run: async (bench) => {
      const echo = (type: number) => icmp(type, 0, echoRest(port, 8), pattern(2400))
      return await inAnyOrder(bench, 'v6', (order) => fragment6(from6({ payload: echo(128) }), 808, id + 16 + order), as4({ payload: echo(8) }))
    },
  },
  {
    ...header, id: 'rfc6146-46-fragments-zero-checksum', rfc: 6146, section: '3.4', kinds: stateful, title: 'fragments of a datagram without a checksum get one when all are there',
    limits: [...small, ...unchecked],
    run: async (bench) => {
      const sent = fragment4(from4({ identification: 401, payload: udp(peerPort, port, pattern(2400), 0) }), 808)
      demandWhole(await bench.exchange('v4', ...sent), 'v6', as6({}, 2400), 1500)
      return 'put together, the checksum of IPv6'
    },
  },
  {
    ...header, id: 'rfc7915-46-fragments-stateless', section: '4.1', kinds: stateless, title: 'IPv4 fragments are translated in any order',
    run: async (bench) => await inAnyOrder(bench, 'v4', (order) => fragment4(from4({ identification: 300 + order }, 2400), 808), as6({}, 2400)),
  },
  {
    ...header, id: 'rfc7915-64-fragments-stateless', section: '5.1.1', kinds: stateless, title: 'IPv6 fragments are translated in any order',
    run: async (bench) => await inAnyOrder(bench, 'v6', (order) => fragment6(from6({}, 2400), 808, id + order), as4({}, 2400)),
  },
])
