import { demand } from '../../checks/check.ts'
import { embed } from '../../packets/address.ts'
import { ip4, ip6, pattern, udp } from '../../packets/packet.ts'
import { shown, type Bench } from '../bench.ts'
import { entries, stateless, taygaSource, type Limit } from '../entry.ts'
import { plainConfig, world } from '../world.ts'

const { s4, s6, a6, a4, b6, b4, prefix } = world
const maps = [
  { ipv4: '203.0.113.80/28', ipv6: '2001:db8:6464:80::/124' },
  { ipv4: '203.0.113.85/32', ipv6: '2001:db8:6464:85::1/128' },
  { ipv4: '203.0.113.96/30', ipv6: '2001:db8:6464:96::/120' },
  { ipv4: '203.0.113.100/30', ipv6: '2001:db8:6464:100::/64' },
] as const
const header = { rfc: 7757, kinds: stateless, config: (kind: 'nat64' | 'nat46') => plainConfig(kind, { maps }) } as const

async function mapped(bench: Bench, ipv4: string, ipv6: string): Promise<void> {
  await bench.translates('v4', ip4({ src: s4, dst: ipv4, payload: udp(1000, 2000, pattern(8)) }), ip6({ src: s6, dst: ipv6, hopLimit: bench.hop(64), payload: udp(1000, 2000, pattern(8)) }))
}

async function mappedBack(bench: Bench, ipv6: string, ipv4: string): Promise<void> {
  await bench.translates('v6', ip6({ src: ipv6, dst: s6, payload: udp(2000, 1000, pattern(8)) }), ip4({ src: ipv4, dst: s4, ttl: bench.hop(64), payload: udp(2000, 1000, pattern(8)) }))
}

const turnedDown: readonly Limit[] = [{ engine: 'tayga', what: 'TAYGA takes no address under the prefix for which it has a map', source: taygaSource('addrmap.c#L586') }]
const hairpin = (mode: string) => ({ ...header, limits: turnedDown, config: (kind: 'nat64' | 'nat46') => plainConfig(kind, { options: { 'eam-hairpin-mode': mode } }) })

export const rfc7757 = entries([
  {
    ...header, id: 'rfc7757-map', section: '3.3', title: 'an explicit map wins over the prefix, and keeps the suffix',
    run: async (bench) => {
      await mapped(bench, '203.0.113.83', '2001:db8:6464:80::3')
      await mappedBack(bench, '2001:db8:6464:80::f', '203.0.113.95')
      return '203.0.113.83 is 2001:db8:6464:80::3'
    },
  },
  {
    ...header, id: 'rfc7757-longest', section: '3.2.2', title: 'where maps overlap, the longest prefix wins',
    run: async (bench) => {
      await mapped(bench, '203.0.113.85', '2001:db8:6464:85::1')
      await mappedBack(bench, '2001:db8:6464:85::1', '203.0.113.85')
      await mapped(bench, '203.0.113.84', '2001:db8:6464:80::4')
      return '203.0.113.85 is mapped by its own /32, its neighbour by the /28'
    },
  },
  {
    ...header, id: 'rfc7757-unequal', section: '3.2.1', title: 'an IPv6 suffix that is longer is filled with zeros, and its rest ignored on the way back',
    limits: [{ engine: 'tayga', what: 'TAYGA maps networks of the same size only', source: taygaSource('conffile.c#L243') }],
    run: async (bench) => {
      await mapped(bench, '203.0.113.99', '2001:db8:6464:96::c0')
      await mappedBack(bench, '2001:db8:6464:96::80', '203.0.113.98')
      await mappedBack(bench, '2001:db8:6464:96::bf', '203.0.113.98')
      await mapped(bench, '203.0.113.101', '2001:db8:6464:100:4000::')
      await mappedBack(bench, '2001:db8:6464:100:7fff::1', '203.0.113.101')
      return '/30 to /120 and to /64'
    },
  },
  {
    ...header, id: 'rfc7757-prefix', section: '3.3', title: 'an address without a map is translated by the prefix',
    run: async (bench) => {
      await bench.translates('v6', ip6({ src: embed(prefix, '203.0.113.140'), dst: s6, payload: udp(1, 2, 'p') }), ip4({ src: '203.0.113.140', dst: s4, ttl: bench.hop(64), payload: udp(1, 2, 'p') }))
      return `${embed(prefix, '203.0.113.140')} is 203.0.113.140`
    },
  },
  {
    ...header, id: 'rfc7757-unmapped', section: '3.3.2', title: 'an IPv6 source that neither a map nor the prefix covers is not translated',
    run: async (bench) => {
      const seen = await bench.exchange('v6', ip6({ src: '2001:db8:6464:5555::1', dst: s6, payload: udp(1, 2, 'x') }))
      demand(seen.v4.length === 0, `expected nothing on v4, got ${shown(seen)}`)
      return 'nothing on the IPv4 side'
    },
  },
  {
    ...hairpin('simple'), id: 'rfc7757-hairpin-simple', section: '4.2.1', title: 'hairpinning, simple: a packet between two mapped hosts that IPv4 sends back has its source by the prefix, so that the answer comes back too',
    run: async (bench) => {
      const hairpin4 = (ttl: number) => ip4({ src: a4, dst: b4, ttl, payload: udp(11, 12, pattern(12)) })
      const sent = ip6({ src: a6, dst: embed(prefix, b4), payload: udp(11, 12, pattern(12)) })
      // Isolated, the router behind the translator is who sends it back.
      if (bench.setup.mode === 'isolated') bench.only(await bench.exchange('v6', sent), 'v6', ip6({ src: embed(prefix, a4), dst: b6, payload: udp(11, 12, pattern(12)) }), ['hopLimit'])
      else await bench.translates('v4', await bench.translates('v6', sent, hairpin4(bench.hop(64))), ip6({ src: embed(prefix, a4), dst: b6, hopLimit: bench.hop(bench.hop(64)), payload: udp(11, 12, pattern(12)) }))
      return `${a6} to ${embed(prefix, b4)} arrives at ${b6} from ${embed(prefix, a4)}`
    },
  },
  {
    ...hairpin('intrinsic'), id: 'rfc7757-hairpin-intrinsic', section: '4.2.2', title: 'hairpinning, intrinsic: the translator itself turns a packet between two mapped hosts back',
    run: async (bench) => {
      const seen = await bench.exchange('v6', ip6({ src: a6, dst: embed(prefix, b4), payload: udp(11, 12, pattern(12)) }))
      bench.only(seen, 'v6', ip6({ src: embed(prefix, a4), dst: b6, payload: udp(11, 12, pattern(12)) }), ['hopLimit'])
      return `${a6} to ${embed(prefix, b4)} arrives at ${b6} from ${embed(prefix, a4)}`
    },
  },
  {
    ...hairpin('off'), id: 'rfc7757-hairpin-none', section: '4', title: 'hairpinning, off: such a packet goes to IPv4; when it is sent back, its source is the map\'s too',
    run: async (bench) => {
      const sent = ip6({ src: a6, dst: embed(prefix, b4), payload: udp(11, 12, pattern(12)) })
      const back = ip6({ src: a6, dst: b6, hopLimit: bench.hop(bench.hop(64)), payload: udp(11, 12, pattern(12)) })
      if (bench.setup.mode === 'isolated') bench.only(await bench.exchange('v6', sent), 'v6', back, ['hopLimit'])
      else await bench.translates('v4', await bench.translates('v6', sent, ip4({ src: a4, dst: b4, ttl: bench.hop(64), payload: udp(11, 12, pattern(12)) })), back)
      return `what ${b6} answers to ${a6} goes there directly, and is not what was asked`
    },
  },
])
