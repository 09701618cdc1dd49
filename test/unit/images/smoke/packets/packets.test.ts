import { describe, expect, it } from 'vitest'
import { bytes4, bytes6, embed, text4, text6 } from '../../../../../images/smoke/packets/address.ts'
import { decode, DecodeError } from '../../../../../images/smoke/packets/decode.ts'
import { differences, innerPacket, summary } from '../../../../../images/smoke/packets/difference.ts'
import { encode, internetChecksum } from '../../../../../images/smoke/packets/encode.ts'
import { completedChecksum } from '../../../../../images/smoke/packets/offload.ts'
import { fragment4, fragment6, reassembled } from '../../../../../images/smoke/packets/fragments.ts'
import { echoRest, icmp, ip4, ip6, pattern, tcp, udp, type Packet } from '../../../../../images/smoke/packets/packet.ts'

const v4 = { src: '192.0.2.33', dst: '198.51.100.2' }
const v6 = { src: '2001:db8::1', dst: '64:ff9b::c633:6402' }

describe('addresses', () => {
  it('are read and written as RFC 5952 has them', () => {
    for (const text of ['::', '::1', '2001:db8::1', '2001:db8:0:1:1:1:1:1', '2001:0:0:1::', '64:ff9b::c633:6402', 'fe80::1:0:0:1']) expect(text6(bytes6(text))).toBe(text)
    expect(text6(bytes6('2001:DB8:0:0:1:0:0:1'))).toBe('2001:db8::1:0:0:1')
    expect(text6(bytes6('2001:db8:0:1:1:1:1:1'))).toBe('2001:db8:0:1:1:1:1:1')
    expect(text6(bytes6('64:ff9b::198.51.100.2'))).toBe('64:ff9b::c633:6402')
    expect(bytes6('1::').toString('hex')).toBe('00010000000000000000000000000000')
    expect(text4(bytes4('203.0.113.255'))).toBe('203.0.113.255')
  })

  it('that are none are refused', () => {
    for (const text of ['', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', 'g::', '12345::', '1:2:3:4:5:6:7:8::']) expect(() => bytes6(text), text).toThrow('not an IPv6 address')
    for (const text of ['1.2.3', '1.2.3.256', '1.2.3.-4', 'a.b.c.d']) expect(() => bytes4(text), text).toThrow('not an IPv4 address')
  })

  it('are embedded as in RFC 6052, section 2.4, with bits 64 to 71 zero', () => {
    expect(['2001:db8::/32', '2001:db8:100::/40', '2001:db8:122::/48', '2001:db8:122:300::/56', '2001:db8:122:344::/64', '2001:db8:122:344::/96'].map((prefix) => embed(prefix, '192.0.2.33'))).toEqual([
      '2001:db8:c000:221::', '2001:db8:1c0:2:21::', '2001:db8:122:c000:2:2100::', '2001:db8:122:3c0:0:221::', '2001:db8:122:344:c0:2:2100:0', '2001:db8:122:344::c000:221',
    ])
    expect(() => embed('2001:db8::/33', '192.0.2.33')).toThrow('no prefix of RFC 6052')
  })
})

describe('packets', () => {
  it('have the header that their fields say, with the right checksum', () => {
    const packet = ip4({ src: '192.168.0.1', dst: '192.168.0.199', df: true, payload: { kind: 'opaque', protocol: 17, data: Buffer.alloc(95) } })
    expect(encode(packet).subarray(0, 20).toString('hex')).toBe('450000730000400040' + '11b861' + 'c0a80001c0a800c7')
    expect(encode(ip6({ ...v6, trafficClass: 0xb8, flowLabel: 0x12345, hopLimit: 7, payload: udp(1, 2, '') })).subarray(0, 8).toString('hex')).toBe('6b812345' + '0008' + '1107')
  })

  it('have transport checksums that a receiver accepts: the sum over pseudo-header and message is all ones', () => {
    const cases: Packet[] = [
      ip4({ ...v4, payload: udp(53, 4096, 'odd') }), ip4({ ...v4, payload: tcp(80, 4096, 'SA', { options: Buffer.from('020405b4', 'hex'), data: pattern(31) }) }),
      ip6({ ...v6, payload: udp(53, 4096, 'odd') }), ip6({ ...v6, payload: tcp(80, 4096, 'FP', { data: pattern(100) }) }), ip6({ ...v6, payload: icmp(128, 0, echoRest(7, 1), pattern(11)) }),
    ]
    for (const packet of cases) {
      const bytes = encode(packet)
      const header = packet.version === 4 ? 20 : 40
      const message = bytes.subarray(header)
      const addresses = bytes.subarray(header - (packet.version === 4 ? 8 : 32), header)
      const protocol = packet.version === 4 ? bytes.readUInt8(9) : bytes.readUInt8(6)
      expect(internetChecksum(addresses, Buffer.from([0, protocol, 0, message.length]), message), summary(packet)).toBe(0)
    }
    const echo = encode(ip4({ ...v4, payload: icmp(8, 0, echoRest(7, 1), pattern(11)) }))
    expect(internetChecksum(echo.subarray(20))).toBe(0)
  })

  it('come out of their bytes as they went in, every field of them', () => {
    const cases: Packet[] = [
      ip4({ ...v4, tos: 0x2e, identification: 0xbeef, df: true, ttl: 3, options: Buffer.from('94040000', 'hex'), payload: udp(1, 65535, pattern(9)) }),
      ip4({ ...v4, mf: true, offset: 1480, payload: { kind: 'opaque', protocol: 17, data: pattern(16) } }),
      ip4({ ...v4, payload: tcp(1, 2, 'FSRPAUEC', { seq: 0xfffffffe, ack: 5, window: 9, urgent: 3, options: Buffer.from('01010101', 'hex'), data: pattern(3) }) }),
      ip6({ ...v6, trafficClass: 255, flowLabel: 0xfffff, hopLimit: 1, payload: icmp(1, 4, 0x80000001, pattern(60)) }),
      ip6({ ...v6, extensions: [{ kind: 'hop-by-hop', data: pattern(6) }, { kind: 'destination', data: pattern(14) }, { kind: 'routing', data: pattern(22) }, { kind: 'fragment', identification: 0xdeadbeef, offset: 0, more: false }], payload: udp(9, 8, 'x') }),
      ip6({ ...v6, extensions: [{ kind: 'fragment', identification: 1, offset: 64, more: true }], payload: { kind: 'opaque', protocol: 58, data: pattern(8) } }),
      ip6({ ...v6, payload: { kind: 'opaque', protocol: 132, data: pattern(5) } }),
    ]
    for (const packet of cases) {
      const again = decode(encode(packet))
      expect(again).toMatchObject({ ...packet, payload: { ...packet.payload, ...packet.payload.kind === 'opaque' ? {} : { checksum: expect.any(Number) as number } } })
      expect(encode(again).equals(encode(packet)), summary(packet)).toBe(true)
    }
  })

  it('can have fields that are wrong on purpose', () => {
    expect(encode(ip4({ ...v4, payload: udp(1, 2, 'x', 0) })).readUInt16BE(26)).toBe(0)
    expect(encode(ip4({ ...v4, length: 1000, payload: udp(1, 2, 'x') })).readUInt16BE(2)).toBe(1000)
    expect(encode(ip6({ ...v6, payload: { ...udp(1, 2, 'x'), length: 77 } })).readUInt16BE(44)).toBe(77)
  })

  it('that contradict themselves are no packets', () => {
    const good = encode(ip4({ ...v4, payload: udp(1, 2, pattern(20)) }))
    const wrong = Buffer.from(good)
    wrong.writeUInt8(63, 8)
    expect(() => decode(wrong)).toThrow('the IPv4 header checksum is wrong')
    expect(() => decode(good.subarray(0, 40))).toThrow('IPv4 total length 48 of 40 bytes')
    expect(() => decode(encode(ip6({ ...v6, payload: udp(1, 2, pattern(20)) })).subarray(0, 50))).toThrow('IPv6 payload length 28 of 10 bytes')
    expect(() => decode(encode(ip6({ ...v6, payload: { ...udp(1, 2, 'x'), length: 77 } })))).toThrow('UDP length 77 of 9 bytes')
    expect(() => decode(Buffer.from('55', 'hex'))).toThrow(DecodeError)
  })
})

describe('differences', () => {
  const expected = ip6({ ...v6, payload: udp(1, 2, pattern(40)) })

  it('are none between a packet and its own bytes', () => {
    expect(differences(decode(encode(expected)), expected)).toEqual([])
  })

  it('name each field, with checksums and lengths, unless it is left open', () => {
    const got = decode(encode(ip6({ ...v6, hopLimit: 63, payload: udp(1, 3, pattern(40)) })))
    expect(differences(got, expected)).toEqual(['hopLimit: 63, expected 64', 'payload.dst: 3, expected 2', expect.stringMatching(/^payload\.checksum: \d+, expected \d+$/)])
    expect(differences(got, expected, ['hopLimit', 'payload'])).toEqual([])
    expect(differences(decode(encode(ip6({ ...v6, payload: udp(1, 2, pattern(41)) }))), expected).map((line) => line.split(':')[0])).toEqual(['length', 'payload.length', 'payload.checksum', 'payload.data'])
  })

  it('reach into the packet that an ICMP error is about, though its end is cut off', () => {
    const about = (ttl: number, from: number): Buffer => encode(ip4({ ...v4, ttl, payload: udp(from, 2, pattern(100)) })).subarray(0, 28)
    const error = (ttl: number, from: number): Packet => ip4({ ...v4, payload: icmp(3, 3, 0, about(ttl, from)) })
    expect(differences(decode(encode(error(64, 1))), error(64, 1))).toEqual([])
    expect(differences(decode(encode(error(63, 7))), error(64, 1), ['payload.checksum'])).toEqual(['payload.inner.ttl: 63, expected 64', 'payload.inner.payload.src: 7, expected 1', expect.stringMatching(/^payload\.inner\.payload\.checksum/)])
    expect(innerPacket(error(64, 1))).toMatchObject({ ttl: 64, length: 128, payload: { kind: 'udp', length: 108, data: Buffer.alloc(0) } })
    expect(innerPacket(ip4({ ...v4, payload: icmp(8, 0, 0, 'echo') }))).toBeUndefined()
  })

  it('see a Fragment Header that should not be there', () => {
    const got = decode(encode({ ...expected, extensions: [{ kind: 'fragment', identification: 5, offset: 0, more: false }] }))
    expect(differences(got, expected)).toEqual(expect.arrayContaining(['extensions.0.kind: fragment, expected absent', 'extensions.0.identification: 5, expected absent']))
  })
})

describe('fragments', () => {
  const four = ip4({ ...v4, identification: 99, payload: udp(1, 2, pattern(1000)) })
  const six = ip6({ ...v6, payload: udp(1, 2, pattern(1000)) })

  it('cover the packet once, the last one without "more"', () => {
    expect(fragment4(four, 400).map(({ offset, mf, payload }) => [offset, mf, payload.kind === 'opaque' ? payload.data.length : 0])).toEqual([[0, true, 400], [400, true, 400], [800, false, 208]])
    expect(fragment6(six, 400, 7).map(({ extensions }) => extensions)).toEqual([0, 400, 800].map((offset) => [{ kind: 'fragment', identification: 7, offset, more: offset < 800 }]))
  })

  it('give the packet again in any order, through their bytes', () => {
    for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0]]) {
      const parts = fragment6(six, 400, 7).map((packet) => decode(encode(packet)))
      expect(reassembled(order.map((at) => parts[at]!)).data.equals(encode(six).subarray(40))).toBe(true)
    }
  })

  it('with a gap, an overlap, a lie or a stranger among them give nothing', () => {
    const [first, second, third] = fragment4(four, 400) as [Packet, Packet, Packet]
    expect(() => reassembled([first, third])).toThrow('a fragment begins at 800, expected 400')
    expect(() => reassembled([first, second, second, third])).toThrow('a fragment begins at 400, expected 800')
    expect(() => reassembled([first, second])).toThrow('the fragment at 400 promises more')
    expect(() => reassembled([first, { ...second, identification: 98 } as Packet, third])).toThrow('fragments of two packets')
    expect(() => reassembled([])).toThrow('no fragment at all')
  })
})

describe('a checksum left to hardware', () => {
  const unfinished = (packet: Packet): Buffer => {
    const bytes = encode(packet)
    const [header, at] = packet.version === 4 ? [20, 26] : [40, 46]
    const length = bytes.length - header
    // What a kernel leaves in the field: the sum over the pseudo-header, not inverted.
    const sum = ~internetChecksum(bytes.subarray(packet.version === 4 ? 12 : 8, header), Buffer.from([0, 17, length >> 8, length & 255])) & 0xffff
    bytes.writeUInt16BE(sum, at)
    return bytes
  }

  it('is finished as the hardware would, for both protocols and an odd length', () => {
    for (const packet of [ip4({ ...v4, payload: udp(7, 8, pattern(33)) }), ip6({ ...v6, payload: udp(7, 8, pattern(33)) })]) {
      expect(unfinished(packet).equals(encode(packet))).toBe(false)
      expect(completedChecksum(unfinished(packet)).equals(encode(packet))).toBe(true)
    }
  })

  it('is found behind extension headers too', () => {
    const packet = ip6({ ...v6, extensions: [{ kind: 'destination', data: Buffer.from('010400000000', 'hex') }], payload: udp(7, 8, pattern(10)) })
    const bytes = encode(packet)
    bytes.writeUInt16BE(~internetChecksum(bytes.subarray(8, 40), Buffer.from([0, 17, 0, 18])) & 0xffff, 54)
    expect(completedChecksum(bytes).equals(encode(packet))).toBe(true)
  })

  it('that began wrong stays wrong, and a fragment has none', () => {
    const packet = ip6({ ...v6, payload: udp(7, 8, pattern(33)) })
    const bytes = unfinished(packet)
    bytes.writeUInt16BE(bytes.readUInt16BE(46) ^ 1, 46)
    expect(completedChecksum(bytes).equals(encode(packet))).toBe(false)
    const [part] = fragment6(packet, 16, 3) as [Packet]
    expect(completedChecksum(encode(part)).equals(encode(part))).toBe(true)
  })
})
