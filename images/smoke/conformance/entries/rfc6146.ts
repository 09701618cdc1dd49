import { CheckSkipped, demand } from '../../checks/check.ts'
import { embed } from '../../packets/address.ts'
import { encode } from '../../packets/encode.ts'
import { differences, innerPacket } from '../../packets/difference.ts'
import { echoRest, icmp, ip4, ip6, pattern, tcp, udp, type IPv6, type Packet, type Payload } from '../../packets/packet.ts'
import { kernelsOwn, shown, type Bench, type Seen } from '../bench.ts'
import { entries, stateful, taygaSource, type Entry } from '../entry.ts'
import { plainConfig, world } from '../world.ts'
import type { Protocol } from '../translator.ts'

const { a6, b6, a4, b4, s4, s6, t4, t6, port, peerPort, prefix, router4 } = world
const header = { rfc: 6146, kinds: stateful, config: plainConfig } as const
const adf = { ...header, config: (kind: 'nat64' | 'nat46') => plainConfig(kind, { options: { 'address-dependent-filtering': 'true' } }) }

/** A message of each protocol; for ICMP the identifier of an echo is the port on its way out, and on its way back. */
const outgoing = (protocol: Protocol, from: number, to: number, version: 4 | 6): Payload => ({
  tcp: () => tcp(from, to, 'S', { seq: 1 }), udp: () => udp(from, to, pattern(16)), icmp: () => icmp(version === 6 ? 128 : 8, 0, echoRest(from, 1), pattern(16)),
})[protocol]()
const incoming = (protocol: Protocol, from: number, to: number, version: 4 | 6): Payload => ({
  tcp: () => tcp(from, to, 'SA', { seq: 7, ack: 2 }), udp: () => udp(from, to, pattern(17)), icmp: () => icmp(version === 6 ? 129 : 0, 0, echoRest(to, 1), pattern(17)),
})[protocol]()

/** The first packet of a new mapping: everything but the address and port that the pool gave is checked. */
async function opens(bench: Bench, protocol: Protocol, src: string, from: number, to4: string = s4, to: number = peerPort): Promise<{ address: string; port: number }> {
  const seen = await bench.exchange('v6', ip6({ src, dst: embed(prefix, to4), payload: outgoing(protocol, from, to, 6) }))
  const got = seen.v4[0]
  demand(seen.v4.length === 1 && seen.v6.length === 0 && got !== undefined, `expected one packet on v4, got ${shown(seen)}`)
  const used = portOf(got.payload)
  const found = differences(got, ip4({ src: got.src, dst: to4, ttl: bench.hop(64), payload: outgoing(protocol, used, to, 4) }), ['identification'])
  demand(found.length === 0, found.join('; '))
  const pool = bench.config.pools.find((one) => one.protocol === protocol && one.address === got.src)
  const [low = 0, high = 0] = (pool?.ports ?? '').split('-').map(Number)
  demand(pool !== undefined && used >= low && used <= high, `${got.src}#${String(used)} is not of the pool`)
  return { address: got.src, port: used }
}

function portOf(payload: Payload): number {
  if (payload.kind === 'icmp') return payload.rest >>> 16
  if (payload.kind === 'opaque') throw new Error('a payload without ports')
  return payload.src
}

/** An answer to it, from `from4`. */
async function answered(bench: Bench, protocol: Protocol, outside: { address: string; port: number }, dst: string, to: number, from4: string = s4, from: number = peerPort): Promise<void> {
  await bench.translates('v4', ip4({ src: from4, dst: outside.address, payload: incoming(protocol, from, outside.port, 4) }),
    ip6({ src: embed(prefix, from4), dst, hopLimit: bench.hop(64), payload: incoming(protocol, from, to, 6) }))
}

const protocolEntries = (['udp', 'tcp', 'icmp'] as const).flatMap((protocol, index): Entry[] => {
  const section = { udp: '3.5.1', tcp: '3.5.2', icmp: '3.5.3' }[protocol]
  const name = { udp: 'UDP', tcp: 'TCP', icmp: 'ICMP identifier' }[protocol]
  const host = (last: number): string => `2001:db8:6464:${String(index + 1)}::${last.toString(16)}`
  return [
    {
      ...header, id: `rfc6146-session-${protocol}`, section, title: `${name}: a packet from IPv6 makes a mapping from the pool, and the answer finds its way back`,
      run: async (bench) => {
        const outside = await opens(bench, protocol, host(1), 4001)
        await answered(bench, protocol, outside, host(1), 4001)
        return `${host(1)}#4001 is ${outside.address}#${String(outside.port)}`
      },
    },
    {
      ...header, id: `rfc6146-independent-${protocol}`, section, title: `${name}: one IPv6 transport address keeps its IPv4 transport address for all peers`,
      run: async (bench) => {
        const first = await opens(bench, protocol, host(2), 4002)
        for (const [to4, to] of [[t4, peerPort], [s4, protocol === 'icmp' ? peerPort : peerPort + 1], [t4, 9]] as const) {
          const next = await opens(bench, protocol, host(2), 4002, to4, to)
          demand(next.address === first.address && next.port === first.port, `${next.address}#${String(next.port)} for ${to4}, before ${first.address}#${String(first.port)}`)
        }
        return `${first.address}#${String(first.port)} for four peers`
      },
    },
    {
      ...header, id: `rfc6146-distinct-${protocol}`, section, title: `${name}: two IPv6 transport addresses never share one, the same port on two hosts neither`,
      run: async (bench) => {
        const used = new Set<string>()
        for (const [src, from] of [[host(3), 4003], [host(4), 4003], [host(3), 4004], [host(4), 4004]] as const) {
          const { address, port: outside } = await opens(bench, protocol, src, from)
          used.add(`${address}#${String(outside)}`)
        }
        demand(used.size === 4, `four transport addresses share ${[...used].join(', ')}`)
        return [...used].join(', ')
      },
    },
    {
      ...header, id: `rfc6146-static-${protocol}`, section, needsNoSessions: true, title: `${name}: a packet from IPv4 enters through a static mapping, and is answered from it`,
      run: async (bench) => {
        const query = (version: 4 | 6): Payload => protocol === 'icmp' ? icmp(version === 4 ? 8 : 128, 0, echoRest(port, 5), 'x') : outgoing(protocol, peerPort + 5, port, version)
        await bench.translates('v4', ip4({ src: t4, dst: b4, payload: query(4) }), ip6({ src: t6, dst: b6, hopLimit: bench.hop(64), payload: query(6) }))
        const answer = (version: 4 | 6): Payload => protocol === 'icmp' ? icmp(version === 4 ? 0 : 129, 0, echoRest(port, 5), 'x') : incoming(protocol, port, peerPort + 5, version)
        await bench.translates('v6', ip6({ src: b6, dst: t6, payload: answer(6) }), ip4({ src: b4, dst: t4, ttl: bench.hop(64), payload: answer(4) }))
        return `${b4}#${String(port)} is ${b6}#${String(port)}`
      },
    },
    {
      ...header, id: `rfc6146-no-mapping-${protocol}`, section, title: protocol === 'tcp' ? 'TCP: a segment from IPv4 that is no SYN and has no mapping goes nowhere' : `${name}: a packet from IPv4 without a mapping goes nowhere; its sender is told Host Unreachable`,
      run: async (bench) => {
        const payload: Payload = protocol === 'tcp' ? tcp(peerPort, 7999, 'A', { seq: 5, ack: 6 }) : protocol === 'udp' ? udp(peerPort, 7999, 'x') : icmp(8, 0, echoRest(7999, 1), 'x')
        const packet = ip4({ src: s4, dst: a4, payload })
        const seen = await bench.exchange('v4', packet)
        demand(seen.v6.length === 0, `expected nothing on v6, got ${shown(seen)}`)
        if (protocol === 'tcp' && seen.v4.length === 0) return 'nothing came of it'
        bench.only(seen, 'v4', bench.complaint(packet, { type: 3, code: 1 }), kernelsOwn(packet))
        return 'ICMP 3/1, nothing on the IPv6 side'
      },
    },
    {
      ...header, id: `rfc6146-any-peer-${protocol}`, section, title: `${name}: without address-dependent filtering, any peer may use a mapping`,
      run: async (bench) => {
        const outside = await opens(bench, protocol, host(5), 4005)
        const query = (to: number, version: 4 | 6): Payload => protocol === 'icmp' ? icmp(version === 4 ? 0 : 129, 0, echoRest(to, 1), 'y') : outgoing(protocol, 99, to, version)
        await bench.translates('v4', ip4({ src: t4, dst: outside.address, payload: query(outside.port, 4) }), ip6({ src: t6, dst: host(5), hopLimit: bench.hop(64), payload: query(4005, 6) }))
        return `${t4} reaches a mapping made for ${s4}`
      },
    },
    {
      ...adf, id: `rfc6146-filtering-${protocol}`, section, title: `${name}: with address-dependent filtering, only addresses that were spoken to may answer, from any port`,
      run: async (bench) => {
        const outside = await opens(bench, protocol, host(6), 4006)
        await answered(bench, protocol, outside, host(6), 4006)
        if (protocol === 'udp') await answered(bench, protocol, outside, host(6), 4006, s4, 12345)
        const stranger = ip4({ src: t4, dst: outside.address, payload: protocol === 'tcp' ? tcp(99, outside.port, 'S') : protocol === 'udp' ? udp(99, outside.port, 'z') : icmp(0, 0, echoRest(outside.port, 1), 'z') })
        // A SYN waits for six seconds first, lest it be half of a simultaneous open (section 3.5.2.2).
        if (protocol === 'tcp') await bench.drops('v4', stranger)
        else await bench.refuses(stranger, { type: 3, code: 13 })
        return protocol === 'tcp' ? `a SYN of ${t4} is not passed on` : `${t4} is refused with ICMP 3/13`
      },
    },
    // An echo's identifier is its port on both ends: what hairpinning gives the source cannot be what the destination's mapping has.
    ...protocol === 'icmp' ? [] : [{
      ...header, id: `rfc6146-hairpin-${protocol}`, section: '3.8', title: `${name}: hairpinning: two IPv6 hosts speak by their IPv4 addresses`,
      run: async (bench: Bench) => {
        // To b's fixed mapping, and back to the mapping that this made.
        const query = (from: number, to: number): Payload => outgoing(protocol, from, to, 6)
        const seen = await bench.exchange('v6', ip6({ src: host(7), dst: embed(prefix, b4), payload: query(4007, port) }))
        const got = seen.v6[0]
        demand(seen.v6.length === 1 && seen.v4.length === 0 && got !== undefined, `expected one packet on v6, got ${shown(seen)}`)
        const source = portOf(got.payload)
        const found = differences(got, ip6({ src: got.src, dst: b6, hopLimit: got.version === 6 ? got.hopLimit : 0, payload: query(source, port) }))
        demand(found.length === 0, found.join('; '))
        demand([a4, b4].some((address) => embed(prefix, address) === got.src), `${got.src} is not an address of the pool`)
        const answer = (from: number, to: number): Payload => incoming(protocol, from, to, 6)
        const back = await bench.exchange('v6', ip6({ src: b6, dst: got.src, payload: answer(port, source) }))
        demandHairpin(back, ip6({ src: embed(prefix, b4), dst: host(7), payload: answer(port, 4007) }))
        return `${b6} sees ${got.src}#${String(source)}, and its answer arrives`
      },
    }],
  ]
})

function demandHairpin(seen: Seen, expected: IPv6): void {
  const got = seen.v6[0]
  demand(seen.v6.length === 1 && seen.v4.length === 0 && got !== undefined, `expected the answer on v6, got ${shown(seen)}`)
  const found = differences(got, expected, ['hopLimit'])
  demand(found.length === 0, found.join('; '))
}

export const rfc6146 = entries([
  ...protocolEntries,
  {
    ...header, id: 'rfc6146-tcp-life', section: '3.5.2.2', title: 'TCP: a connection is opened, used and closed, and has the timeouts of its states',
    run: async (bench) => {
      const host = '2001:db8:6464:2::20'
      const outside = await opens(bench, 'tcp', host, 4020)
      const expiry = async (): Promise<number> => {
        const left = await bench.setup.sessionExpiry('tcp', host, 4020)
        demand(left !== undefined, 'the session is not shown')
        return left
      }
      const between = (left: number, most: number, state: string): void => { demand(left <= most && left > most - 60, `${state}: ${String(left)} s left, expected just under ${String(most)}`) }
      between(await expiry(), 240, 'after the SYN')
      const out = async (flags: string, seq: number): Promise<void> => {
        const payload = (src: number): Payload => tcp(src, peerPort, flags, { seq, ack: 8, data: pattern(flags === 'PA' ? 40 : 0) })
        await bench.translates('v6', ip6({ src: host, dst: s6, payload: payload(4020) }), ip4({ src: outside.address, dst: s4, ttl: bench.hop(64), payload: payload(outside.port) }))
      }
      const back = async (flags: string, seq: number): Promise<void> => {
        const payload = (dst: number): Payload => tcp(peerPort, dst, flags, { seq, ack: 2 })
        await bench.translates('v4', ip4({ src: s4, dst: outside.address, payload: payload(outside.port) }), ip6({ src: s6, dst: host, hopLimit: bench.hop(64), payload: payload(4020) }))
      }
      await back('SA', 7)
      await out('A', 2)
      await out('PA', 2)
      between(await expiry(), 7200, 'established')
      await out('FA', 42)
      between(await expiry(), 7200, 'one side closed')
      await back('FA', 8)
      between(await expiry(), 240, 'both sides closed')
      await out('A', 43)
      return '4 minutes while opening, 2 hours established, 4 minutes after both FINs'
    },
  },
  {
    ...header, id: 'rfc6146-tcp-reset', section: '3.5.2.2', title: 'TCP: after a RST the session has four minutes left, and data brings it back',
    run: async (bench) => {
      const host = '2001:db8:6464:2::21'
      const outside = await opens(bench, 'tcp', host, 4021)
      await answered(bench, 'tcp', outside, host, 4021)
      const payload = (flags: string, dst: number): Payload => tcp(peerPort, dst, flags, { seq: 8, ack: 2 })
      const back = async (flags: string): Promise<number> => {
        await bench.translates('v4', ip4({ src: s4, dst: outside.address, payload: payload(flags, outside.port) }), ip6({ src: s6, dst: host, hopLimit: bench.hop(64), payload: payload(flags, 4021) }))
        return await bench.setup.sessionExpiry('tcp', host, 4021) ?? 0
      }
      const reset = await back('R')
      demand(reset > 180 && reset <= 240, `${String(reset)} s left after the RST`)
      const alive = await back('A')
      demand(alive > 7140 && alive <= 7200, `${String(alive)} s left after a segment that followed`)
      return '4 minutes after the RST, 2 hours after the next segment'
    },
  },
  {
    ...header, id: 'rfc6146-tcp-no-syn', section: '3.5.2.2', title: 'TCP: a segment from IPv6 that is no SYN and has no mapping is dropped',
    run: async (bench) => {
      const seen = await bench.exchange('v6', ip6({ src: '2001:db8:6464:2::22', dst: s6, payload: tcp(4022, peerPort, 'A', { seq: 3, ack: 4 }) }))
      demand(seen.v4.length === 0, `expected nothing on v4, got ${shown(seen)}`)
      return 'nothing on the IPv4 side'
    },
  },
  {
    ...adf, id: 'rfc6146-tcp-simultaneous', section: '3.5.2.2', title: 'TCP: simultaneous open: a SYN from IPv4 waits, the SYN from IPv6 joins it, and the connection stands',
    waits: 7,
    run: async (bench) => {
      const host = '2001:db8:6464:2::23'
      const outside = await opens(bench, 'tcp', host, 4023)
      const stranger = tcp(5023, outside.port, 'S', { seq: 70 })
      await bench.drops('v4', ip4({ src: t4, dst: outside.address, payload: stranger }))
      const own = (src: number): Payload => tcp(src, 5023, 'S', { seq: 80 })
      await bench.translates('v6', ip6({ src: host, dst: t6, payload: own(4023) }), ip4({ src: outside.address, dst: t4, ttl: bench.hop(64), payload: own(outside.port) }))
      const answer = (dst: number): Payload => tcp(5023, dst, 'SA', { seq: 70, ack: 81 })
      await bench.translates('v4', ip4({ src: t4, dst: outside.address, payload: answer(outside.port) }), ip6({ src: t6, dst: host, hopLimit: bench.hop(64), payload: answer(4023) }))
      const late = await bench.within('v4', 7_000, (packet) => { const inner = packet.dst === t4 ? innerPacket(packet) : undefined; return inner !== undefined && portOf(inner.payload) === 5023 })
      demand(late === undefined, 'an ICMP error for the SYN that was joined')
      return 'SYN held, SYN joined, SYN+ACK passed; no error within 7 s'
    },
  },
  {
    ...header, id: 'rfc6146-tcp-syn-unwanted', section: '3.5.2.2', title: 'TCP: a SYN from IPv4 that nobody joins is answered with Port Unreachable after six seconds, not before',
    waits: 10,
    run: async (bench) => {
      const packet = ip4({ src: t4, dst: a4, payload: tcp(5024, 7998, 'S', { seq: 1 }) })
      const started = performance.now()
      await bench.drops('v4', packet)
      const error = await bench.within('v4', bench.scaled(12_000), (one) => { const inner = one.dst === t4 ? innerPacket(one) : undefined; return inner !== undefined && portOf(inner.payload) === 5024 })
      demand(error !== undefined, 'no error within 12 s')
      const seconds = (performance.now() - started) / 1000
      const found = differences(error, bench.complaint(packet, { type: 3, code: 3 }), kernelsOwn(packet))
      demand(found.length === 0, found.join('; '))
      demand(seconds >= 5.5, `the error came after ${seconds.toFixed(1)} s`)
      return `ICMP 3/3 after ${seconds.toFixed(1)} s`
    },
  },
  {
    ...header, id: 'rfc6146-udp-timeout', section: '4', title: 'UDP: a session has five minutes, and each packet from IPv6 gives it them again',
    run: async (bench) => {
      await opens(bench, 'udp', '2001:db8:6464:1::30', 4030)
      const left = await bench.setup.sessionExpiry('udp', '2001:db8:6464:1::30', 4030)
      demand(left !== undefined && left > 240 && left <= 300, `${String(left)} s left`)
      return 'just under 5 minutes'
    },
  },
  {
    ...header, id: 'rfc6146-icmp-timeout', section: '3.5.3', title: 'ICMP: a session ends after its timeout, and its identifier is free again',
    config: (kind) => plainConfig(kind, { options: { 'icmp-timeout': '2' } }), waits: 8,
    run: async (bench) => {
      const host = '2001:db8:6464:3::31'
      const outside = await opens(bench, 'icmp', host, 4031)
      await answered(bench, 'icmp', outside, host, 4031)
      const deadline = performance.now() + bench.scaled(15_000)
      for (;;) {
        if (await bench.setup.sessionExpiry('icmp', host, 4031) === undefined) break
        demand(performance.now() < deadline, 'the session is still there after 15 s')
      }
      const reply = icmp(0, 0, echoRest(outside.port, 2), 'late')
      const seen = await bench.exchange('v4', ip4({ src: s4, dst: outside.address, payload: reply }))
      demand(seen.v6.length === 0, `expected nothing on v6, got ${shown(seen)}`)
      return 'icmp-timeout 2 s: a late reply is not translated'
    },
  },
  {
    ...header, id: 'rfc6146-loop', section: '3.5', title: 'a packet from IPv6 whose source is in the translator\'s own prefix is dropped',
    limits: [{ engine: 'tayga', what: 'TAYGA translates what comes from its own prefix like anything else', source: taygaSource('README') }],
    run: async (bench) => {
      await bench.drops('v6', ip6({ src: t6, dst: s6, payload: udp(1, 2, 'loop') }))
      return 'nothing came of it'
    },
  },
  {
    ...header, id: 'rfc6146-other-protocol', section: '3.4', title: 'a transport other than TCP, UDP and ICMP is not translated',
    run: async (bench) => {
      const sent: readonly Packet[] = [ip6({ src: a6, dst: s6, payload: { kind: 'opaque', protocol: 132, data: pattern(24) } })]
      const seen = await bench.exchange('v6', ...sent)
      demand(seen.v4.length === 0, `expected nothing on v4, got ${shown(seen)}`)
      return 'SCTP stays on the IPv6 side'
    },
  },
  {
    ...header, id: 'rfc6146-error-unmapped', section: '3.5', title: 'an ICMP error about a packet that no mapping knows is dropped',
    run: async (bench) => {
      const about = encode(ip4({ src: a4, dst: s4, payload: udp(7997, peerPort, 'never sent') }))
      const seen = await bench.exchange('v4', ip4({ src: s4, dst: a4, payload: icmp(3, 3, 0, about) }))
      demand(seen.v6.length === 0, `expected nothing on v6, got ${shown(seen)}`)
      return 'nothing on the IPv6 side'
    },
  },
  {
    ...header, id: 'rfc6146-pools-by-protocol', section: '3.5.1.1', title: 'each protocol takes its mappings from its own pool',
    config: (kind) => plainConfig(kind, {
      statics: [],
      pools: [
        { protocol: 'tcp', address: '203.0.113.71', ports: '2000-2015' }, { protocol: 'udp', address: '203.0.113.72', ports: '3000-3015' }, { protocol: 'icmp', address: '203.0.113.73', ports: '4000-4015' },
      ],
    }),
    run: async (bench) => {
      const seen: string[] = []
      for (const protocol of ['tcp', 'udp', 'icmp'] as const) {
        const outside = await opens(bench, protocol, a6, 4040)
        await answered(bench, protocol, outside, a6, 4040)
        seen.push(`${protocol} ${outside.address}#${String(outside.port)}`)
      }
      return seen.join(', ')
    },
  },
  {
    ...header, id: 'rfc6146-pools-by-mark', section: '3.5.1.1', title: 'packets that the router\'s firewall has marked take their mappings from the pool of that mark',
    config: (kind) => plainConfig(kind, { statics: [], pools: [{ protocol: 'udp', address: '203.0.113.75', ports: '6000-6015' }, { protocol: 'udp', address: '203.0.113.76', ports: '6100-6115', mark: 5 }] }),
    run: async (bench) => {
      // A mark is a packet's own within one namespace.
      if (bench.setup.mode === 'isolated') throw new CheckSkipped('a mark of the router\'s firewall does not enter the translator\'s namespace')
      const marked = '2001:db8:6464:9::/64'
      const rules = ['nft add table ip6 lab', `nft add chain ip6 lab marking '{ type filter hook prerouting priority mangle - 10; }'`, `nft add rule ip6 lab marking ip6 saddr ${marked} meta mark set 5`]
      const { status, output } = await bench.router.run(rules.join(' && '))
      demand(status === 0, `the firewall's rule: ${output.slice(-200)}`)
      try {
        const plain = await opens(bench, 'udp', '2001:db8:6464:8::1', 4060)
        const other = await opens(bench, 'udp', '2001:db8:6464:9::1', 4060)
        demand(plain.address === '203.0.113.75' && other.address === '203.0.113.76', `unmarked from ${plain.address}, marked from ${other.address}`)
        await answered(bench, 'udp', other, '2001:db8:6464:9::1', 4060)
      } finally {
        await bench.router.run('nft delete table ip6 lab')
      }
      return 'unmarked from 203.0.113.75, mark 5 from 203.0.113.76'
    },
  },
  {
    ...header, id: 'rfc6146-router-address', section: '3.5.1.1', title: 'a pool of the router\'s own address takes its ports and identifiers only: everything else still reaches the router, VRFs or not',
    config: (kind) => plainConfig(kind, { statics: [], pools: (['tcp', 'udp', 'icmp'] as const).map((protocol) => ({ protocol, address: router4, ports: '7000-7015' })) }),
    run: async (bench) => {
      if (bench.setup.mode === 'isolated') throw new CheckSkipped('addresses of an isolated translator are on no interface of the router')
      const outside = await opens(bench, 'udp', a6, 4070)
      await answered(bench, 'udp', outside, a6, 4070)
      const router = async (): Promise<void> => {
        const asked = await bench.exchange('v4', ip4({ src: s4, dst: router4, payload: icmp(8, 0, echoRest(6999, 1), 'router?') }))
        bench.only(asked, 'v4', ip4({ src: router4, dst: s4, payload: icmp(0, 0, echoRest(6999, 1), 'router?') }), ['identification'])
        for (const closed of [9, outside.port === 7015 ? 7014 : 7015]) await bench.refuses(ip4({ src: s4, dst: router4, payload: udp(4070, closed, 'nobody') }), { type: 3, code: 3 }, { by: 'router' })
      }
      await router()
      // As VyOS has it where there are VRFs.
      const move = async (from: number, to: number): Promise<void> => {
        const { status, output } = await bench.router.run(`ip rule add pref ${String(to)} lookup local && ip rule delete pref ${String(from)} lookup local`)
        demand(status === 0, `moving the rule for the router's own addresses: ${output.slice(-200)}`)
      }
      await move(0, 32765)
      try {
        await answered(bench, 'udp', outside, a6, 4070)
        await router()
      } finally {
        await move(32765, 0)
      }
      return `${a6} is ${router4}#${String(outside.port)}; the router answers for itself`
    },
  },
  {
    ...header, id: 'rfc6146-pool-exhausted', section: '3.5.1.1', title: 'a pool without a free port refuses new mappings and keeps the old ones',
    config: (kind) => plainConfig(kind, { statics: [], pools: [{ protocol: 'udp', address: '203.0.113.74', ports: '5000-5003' }] }),
    run: async (bench) => {
      const outsides = []
      for (const from of [1, 2, 3, 4]) outsides.push(await opens(bench, 'udp', a6, 4050 + from))
      demand(new Set(outsides.map((outside) => outside.port)).size === 4, 'two mappings share a port')
      const seen = await bench.exchange('v6', ip6({ src: a6, dst: s6, payload: udp(4055, peerPort, 'fifth') }))
      demand(seen.v4.length === 0, `expected nothing on v4, got ${shown(seen)}`)
      for (const [index, outside] of outsides.entries()) await answered(bench, 'udp', outside, a6, 4051 + index)
      return 'four ports, four mappings; the fifth is refused'
    },
  },
])
