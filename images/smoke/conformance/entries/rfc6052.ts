import { demand } from '../../checks/check.ts'
import { embed } from '../../packets/address.ts'
import { ip4, ip6, pattern, udp } from '../../packets/packet.ts'
import { both, entries, joolSource, taygaSource, type Entry } from '../entry.ts'
import { plainConfig, world } from '../world.ts'

const { a6, a4, port, peerPort } = world
/** The example of RFC 6052, section 2.4: 192.0.2.33 under each length of prefix. */
const example4 = '192.0.2.33'
const examples: readonly [prefix: string, address: string][] = [
  // The example's own prefix, 2001:db8::/32, would have the lab in it; this is the other one for documentation (RFC 9637).
  ['3fff:db8::/32', '3fff:db8:c000:221::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
]

export const rfc6052 = entries([
  ...examples.map(([prefix, address]): Entry => ({
    id: `rfc6052-${prefix.split('/')[1] ?? ''}`, rfc: 6052, section: '2.4', title: `192.0.2.33 under ${prefix}, both ways`, kinds: both,
    config: (kind) => plainConfig(kind, { prefix }),
    run: async (bench) => {
      demand(embed(prefix, example4) === address, `computed ${embed(prefix, example4)}`)
      await bench.translates('v6', ip6({ src: a6, dst: address, payload: udp(port, peerPort, pattern(9)) }), ip4({ src: a4, dst: example4, ttl: bench.hop(64), payload: udp(port, peerPort, pattern(9)) }))
      await bench.translates('v4', ip4({ src: example4, dst: a4, payload: udp(peerPort, port, pattern(9)) }), ip6({ src: address, dst: a6, hopLimit: bench.hop(64), payload: udp(peerPort, port, pattern(9)) }))
      return address
    },
  })),
  {
    id: 'rfc6052-well-known-private', rfc: 6052, section: '3.1', title: 'the well-known prefix does not carry private IPv4 addresses', kinds: both, config: (kind) => plainConfig(kind, { prefix: '64:ff9b::/96' }),
    limits: [{ engine: 'jool', what: 'Jool translates whatever is under the prefix', source: joolSource('rfc6052.c#L13') }],
    run: async (bench) => {
      for (const address of ['10.1.2.3', '172.16.9.9', '192.168.1.1']) {
        const seen = await bench.exchange('v6', ip6({ src: a6, dst: embed('64:ff9b::/96', address), payload: udp(port, peerPort, pattern(9)) }))
        demand(seen.v4.length === 0, `${address} was reached`)
      }
      return 'not translated'
    },
  },
  {
    id: 'rfc8215-local-use', rfc: 8215, section: '3', title: 'the local-use prefix 64:ff9b:1::/48 carries private IPv4 addresses', kinds: both, config: (kind) => plainConfig(kind, { prefix: '64:ff9b:1::/96' }),
    limits: [{ engine: 'tayga', what: 'TAYGA 0.9.2 of Debian 12 refuses what begins with a zero byte, but for 64:ff9b::/96; a later one does not', source: taygaSource('addrmap.c#L43'), refused: true }],
    run: async (bench) => {
      await bench.translates('v6', ip6({ src: a6, dst: '64:ff9b:1::a01:203', payload: udp(port, peerPort, pattern(9)) }), ip4({ src: a4, dst: '10.1.2.3', ttl: bench.hop(64), payload: udp(port, peerPort, pattern(9)) }))
      return '64:ff9b:1::10.1.2.3'
    },
  },
])
