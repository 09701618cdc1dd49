import { text4, text6 } from './address.ts'
import { internetChecksum, protocols, tcpFlags } from './encode.ts'
import type { Extension, IPv4, IPv6, Packet, Payload } from './packet.ts'

/** Not a packet, or one whose own lengths contradict its bytes. */
export class DecodeError extends Error {}

export interface DecodeOptions {
  /** The packet inside an ICMP error: its end may be cut off, and its lengths are about what it was. */
  truncated?: boolean
}

/**
 * Takes a packet apart, from its IP header on. A fragment's part is not looked into. `headerChecksum` of IPv4 must be right.
 * @throws DecodeError
 */
export function decode(bytes: Buffer, options: DecodeOptions = {}): Packet {
  const version = (bytes[0] ?? 0) >> 4
  if (version === 4) return decode4(bytes, options)
  if (version === 6) return decode6(bytes, options)
  throw new DecodeError(`IP version ${String(version)}`)
}

function decode4(bytes: Buffer, { truncated = false }: DecodeOptions): IPv4 {
  const headerBytes = ((bytes[0] ?? 0) & 15) * 4
  if (headerBytes < 20 || bytes.length < headerBytes) throw new DecodeError(`an IPv4 header of ${String(headerBytes)} bytes in ${String(bytes.length)}`)
  const length = bytes.readUInt16BE(2)
  if (length < headerBytes || (!truncated && length > bytes.length)) throw new DecodeError(`IPv4 total length ${String(length)} of ${String(bytes.length)} bytes`)
  if (internetChecksum(bytes.subarray(0, headerBytes)) !== 0) throw new DecodeError('the IPv4 header checksum is wrong')
  const flags = bytes.readUInt16BE(6)
  const packet = {
    version: 4 as const, length, tos: bytes.readUInt8(1), identification: bytes.readUInt16BE(4), df: (flags & 0x4000) !== 0, mf: (flags & 0x2000) !== 0, offset: (flags & 0x1fff) * 8,
    ttl: bytes.readUInt8(8), src: text4(bytes.subarray(12)), dst: text4(bytes.subarray(16)), options: bytes.subarray(20, headerBytes),
  }
  const data = bytes.subarray(headerBytes, length)
  return { ...packet, payload: decodePayload(bytes.readUInt8(9), data, packet.mf || packet.offset > 0, truncated) }
}

function decode6(bytes: Buffer, { truncated = false }: DecodeOptions): IPv6 {
  if (bytes.length < 40) throw new DecodeError(`an IPv6 header in ${String(bytes.length)} bytes`)
  const length = bytes.readUInt16BE(4)
  if (!truncated && 40 + length > bytes.length) throw new DecodeError(`IPv6 payload length ${String(length)} of ${String(bytes.length - 40)} bytes`)
  const first = bytes.readUInt32BE(0)
  let rest = bytes.subarray(40, 40 + length)
  let next = bytes.readUInt8(6)
  let fragment = false
  const extensions: Extension[] = []
  while (!fragment && ([protocols.hopByHop, protocols.routing, protocols.destination, protocols.fragment] as number[]).includes(next)) {
    const kind = next
    const size = kind === protocols.fragment ? 8 : ((rest[1] ?? 0) + 1) * 8
    if (rest.length < size) {
      if (truncated) break
      throw new DecodeError(`an extension header of ${String(size)} bytes in ${String(rest.length)}`)
    }
    if (kind === protocols.fragment) {
      const where = rest.readUInt16BE(2)
      extensions.push({ kind: 'fragment', identification: rest.readUInt32BE(4), offset: where & 0xfff8, more: (where & 1) === 1 })
      fragment = where > 0
    } else {
      extensions.push({ kind: kind === protocols.hopByHop ? 'hop-by-hop' : kind === protocols.routing ? 'routing' : 'destination', data: rest.subarray(2, size) })
    }
    next = rest.readUInt8(0)
    rest = rest.subarray(size)
  }
  return {
    version: 6, length, trafficClass: first >>> 20 & 255, flowLabel: first & 0xfffff, hopLimit: bytes.readUInt8(7), src: text6(bytes.subarray(8)), dst: text6(bytes.subarray(24)),
    extensions, payload: decodePayload(next, rest, fragment, truncated),
  }
}

function decodePayload(protocol: number, data: Buffer, fragment: boolean, truncated: boolean): Payload {
  const opaque: Payload = { kind: 'opaque', protocol, data }
  if (fragment) return opaque
  const short = (need: number): boolean => {
    if (data.length >= need) return false
    if (truncated) return true
    throw new DecodeError(`${String(data.length)} bytes of protocol ${String(protocol)}`)
  }
  if (protocol === protocols.udp) {
    if (short(8)) return opaque
    const length = data.readUInt16BE(4)
    if (!truncated && length !== data.length) throw new DecodeError(`UDP length ${String(length)} of ${String(data.length)} bytes`)
    return { kind: 'udp', src: data.readUInt16BE(0), dst: data.readUInt16BE(2), length, checksum: data.readUInt16BE(6), data: data.subarray(8) }
  }
  if (protocol === protocols.tcp) {
    if (short(20)) return opaque
    const headerBytes = (data.readUInt8(12) >> 4) * 4
    if (short(headerBytes)) return opaque
    const bits = data.readUInt8(13)
    return {
      kind: 'tcp', src: data.readUInt16BE(0), dst: data.readUInt16BE(2), seq: data.readUInt32BE(4), ack: data.readUInt32BE(8),
      flags: tcpFlags.filter((_, bit) => (bits >> bit & 1) === 1).join(''), window: data.readUInt16BE(14), checksum: data.readUInt16BE(16), urgent: data.readUInt16BE(18),
      options: data.subarray(20, headerBytes), data: data.subarray(headerBytes),
    }
  }
  if (protocol === protocols.icmp || protocol === protocols.icmpv6) {
    if (short(8)) return opaque
    return { kind: 'icmp', type: data.readUInt8(0), code: data.readUInt8(1), checksum: data.readUInt16BE(2), rest: data.readUInt32BE(4), data: data.subarray(8) }
  }
  return opaque
}
