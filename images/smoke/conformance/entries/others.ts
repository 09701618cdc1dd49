import { demand } from '../../checks/check.ts'
import { bytes6 } from '../../packets/address.ts'
import { encode } from '../../packets/encode.ts'
import { differences } from '../../packets/difference.ts'
import { icmp, ip4, ip6, pattern, tcp, udp, type Payload } from '../../packets/packet.ts'
import { demandEqual, shown } from '../bench.ts'
import { entries, stateful, stateless, taygaSource, type Entry, type Limit } from '../entry.ts'
import { as6, from4 } from '../flow.ts'
import { plainConfig, world } from '../world.ts'

const { a4, b6, s4, s6, t4, far6 } = world
/** An IPv6 router on the path complains about what `s` sent to `a`. */
const complaint = ip6({ src: far6, dst: s6, payload: icmp(3, 0, 0, encode(as6({ hopLimit: 1 }))) })
const told = (src: string, ttl: number) => ip4({ src, dst: s4, ttl, payload: icmp(11, 0, 0, encode(from4({ ttl: 1 }))) })

/** Behind the customer's side. */
const [customer4, customer6, customers] = ['192.168.77.2', '2001:db8:6464:77::2', { ipv4: '192.168.77.0/24', ipv6: '2001:db8:6464:77::/120' }]

const unmappedRouter: readonly Limit[] = [{ engine: 'tayga', what: 'TAYGA translates Time Exceeded only of routers that it has an address for', source: taygaSource('nat64.c#L918') }]

/** A DNS message with one question. */
function dns(name: string, type: number, flags: number): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')])
  const [header, question] = [Buffer.alloc(12), Buffer.of(0, 0, type, 0, 1)]
  header.writeUInt16BE(0x6147, 0)
  header.writeUInt16BE(flags, 2)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, ...labels, question])
}
/** DNS64 is a resolver's work. Known of both engines, so that the table says where it is done. */
const noDns = (['jool', 'tayga'] as const).map((engine) => ({
  engine, what: 'it translates headers; DNS64 is for a resolver beside it, VyOS\'s `service dns forwarding dns64-prefix` for one',
  source: engine === 'jool' ? 'https://nicmx.github.io/Jool/en/dns64.html' : 'https://github.com/apalrd/tayga/blob/0.9.2-10/README',
}))
const [typePtr, typeAaaa] = [12, 28]

export const others = entries([
  {
    id: 'rfc6147-aaaa', rfc: 6147, section: '5.1', title: 'DNS64: a host that asks for the IPv6 address of a name that has only an IPv4 one is given one', kinds: stateful, config: plainConfig, limits: noDns,
    run: async (bench) => {
      const asked = await bench.exchange('v6', ip6({ src: b6, dst: s6, payload: udp(4147, 53, dns('v4only.example', typeAaaa, 0x0100)) }))
      const query = asked.v4[0]
      demand(query?.payload.kind === 'udp', `expected the question on v4, got ${shown(asked)}`)
      const answered = await bench.exchange('v4', ip4({ src: s4, dst: query.src, payload: udp(53, query.payload.src, dns('v4only.example', typeAaaa, 0x8180)) }))
      const got = answered.v6[0]?.payload
      demand(got?.kind === 'udp', `expected an answer on v6, got ${shown(answered)}`)
      demand(got.data.readUInt16BE(6) > 0, 'the host reads an answer without an address, as the server gave it')
      return 'the host reads an address'
    },
  },
  {
    id: 'rfc6147-ptr', rfc: 6147, section: '5.3.1', title: 'DNS64: the name of an address under the prefix is asked for as that of the IPv4 address', kinds: stateful, config: plainConfig, limits: noDns,
    run: async (bench) => {
      const address = Buffer.from(bytes6(s6)).reverse()
      const name = `${[...address].flatMap((byte) => [(byte & 15).toString(16), (byte >> 4).toString(16)]).join('.')}.ip6.arpa`
      const asked = await bench.exchange('v6', ip6({ src: b6, dst: s6, payload: udp(4148, 53, dns(name, typePtr, 0x0100)) }))
      const query = asked.v4[0]?.payload
      demand(query?.kind === 'udp', `expected the question on v4, got ${shown(asked)}`)
      demand(query.data.includes('in-addr'), 'the server reads the question as it was, for a name under ip6.arpa')
      return 'the server reads a name under in-addr.arpa'
    },
  },
  {
    id: 'rfc6877-464xlat', rfc: 6877, section: '6', title: '464XLAT: an IPv4 host behind the customer\'s translator reaches IPv4 through the provider\'s, and is answered', kinds: stateful,
    config: (kind) => plainConfig(kind, { clat: customers }),
    run: async (bench) => {
      // The router itself, the customer's side, the provider's.
      const ttl = 64 - 2 - bench.setup.hops
      const question = (src: string, from: number, left: number) => ip4({ src, dst: t4, ttl: left, payload: udp(from, 53, pattern(30)) })
      const seen = await bench.exchangeThrough(bench.setup.queues + 2, 'v4', question(customer4, 4070, 64))
      const got = seen.v4[0]
      demand(seen.v4.length === 1 && seen.v6.length === 0 && got?.payload.kind === 'udp', `expected one packet on v4, got ${shown(seen)}`)
      const outside = got.payload.src
      demandEqual(got, question(got.src, outside, ttl), ['identification'])
      demand(bench.config.pools.some(({ address }) => address === got.src), `from ${got.src}, which is not of the pool`)
      const answer = (dst: string, to: number, left: number) => ip4({ src: t4, dst, ttl: left, payload: udp(53, to, pattern(31)) })
      const back = await bench.exchangeThrough(bench.setup.queues + 2, 'v4', answer(got.src, outside, 64))
      bench.only(back, 'v4', answer(customer4, 4070, ttl), ['identification'])
      return `${customer4} is ${customer6} on the way, and ${got.src}#${String(outside)} outside`
    },
  },
  {
    id: 'rfc6791-pool', rfc: 6791, section: '4', title: 'an ICMPv6 error of a router without an IPv4 address comes from the pool for such routers', kinds: stateless,
    limits: unmappedRouter,
    config: (kind) => plainConfig(kind, { options: { 'rfc6791v4-prefix': '203.0.113.104/32' } }),
    run: async (bench) => {
      await bench.translates('v6', complaint, told('203.0.113.104', bench.hop(64)))
      return 'from 203.0.113.104'
    },
  },
  {
    id: 'rfc6791-no-pool', rfc: 6791, section: '4', title: 'without such a pool, it comes from an address of the translator', kinds: stateless, config: plainConfig, limits: unmappedRouter,
    run: async (bench) => {
      const seen = await bench.exchange('v6', complaint)
      const got = seen.v4[0]
      demand(got !== undefined && seen.v4.length === 1 && seen.v6.length === 0, `expected one packet on v4, got ${shown(seen)}`)
      const found = differences(got, told(got.src, bench.hop(64)), ['identification', 'payload.inner.identification'])
      demand(found.length === 0, found.join('; '))
      demand(got.src === bench.setup.own.v4, `from ${got.src}, expected ${bench.setup.own.v4}`)
      return `from ${got.src}`
    },
  },
  {
    id: 'rfc6146-error-far-router', rfc: 6146, section: '3.5', title: 'an ICMPv6 error of a router on the path comes from the address of the mapping', kinds: stateful, config: plainConfig, limits: unmappedRouter,
    run: async (bench) => {
      await bench.translates('v6', complaint, told(a4, bench.hop(64)))
      return `from ${a4}`
    },
  },
  ...['EPSV\r\n', 'EPRT |2|2001:db8:6464::b|5282|\r\n'].map((command): Entry => {
    const word = command.slice(0, 4)
    return {
      id: `rfc6384-${word.toLowerCase()}`, rfc: 6384, section: '3', title: `FTP's control channel: ${word} becomes its counterpart for IPv4`, kinds: stateful, config: plainConfig,
      limits: [{
        engine: 'jool', what: 'Jool translates addresses in headers only; FTP\'s control channel is passed on as it is',
        source: 'https://github.com/NICMx/Jool/issues/114',
      }],
      run: async (bench) => {
        const host = b6
        const from = 4100 + command.length
        const opened = await bench.exchange('v6', ip6({ src: host, dst: s6, payload: tcp(from, 21, 'S', { seq: 100 }) }))
        const syn = opened.v4[0]
        demand(syn?.payload.kind === 'tcp', `expected a SYN on v4, got ${shown(opened)}`)
        const outside = syn.payload.src
        const answer = (dst: number): Payload => tcp(21, dst, 'SA', { seq: 200, ack: 101 })
        await bench.translates('v4', ip4({ src: s4, dst: syn.src, payload: answer(outside) }), ip6({ src: s6, dst: host, hopLimit: bench.hop(64), payload: answer(from) }))
        const seen = await bench.exchange('v6', ip6({ src: host, dst: s6, payload: tcp(from, 21, 'PA', { seq: 101, ack: 201, data: Buffer.from(command) }) }))
        const got = seen.v4[0]?.payload
        demand(got?.kind === 'tcp', `expected the command on v4, got ${shown(seen)}`)
        const said = got.data.toString('latin1').trim()
        demand(/^(PASV|PORT )/.test(said), `the server reads "${said}"`)
        return `the server reads "${said}"`
      },
    }
  }),
])
