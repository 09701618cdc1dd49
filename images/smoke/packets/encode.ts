import { bytes4, bytes6 } from './address.ts'
import type { Extension, IPv4, IPv6, Packet, Payload, Tcp } from './packet.ts'

/** IP's protocol numbers. */
export const protocols = { hopByHop: 0, icmp: 1, tcp: 6, udp: 17, routing: 43, fragment: 44, icmpv6: 58, destination: 60 } as const
/** From the lowest bit on. */
export const tcpFlags = ['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C'] as const

/** The bytes of a packet from its IP header on. Lengths and, where not given, checksums are right. */
export function encode(packet: Packet): Buffer {
  return packet.version === 4 ? encode4(packet) : encode6(packet)
}

/** The Internet checksum's one's complement sum, folded and inverted (RFC 1071). */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  const all = Buffer.concat(parts)
  let sum = 0
  for (let at = 0; at + 1 < all.length; at += 2) sum += all.readUInt16BE(at)
  if (all.length % 2 === 1) sum += (all.at(-1) ?? 0) << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

export function protocolOf(payload: Payload, version: 4 | 6): number {
  if (payload.kind === 'opaque') return payload.protocol
  if (payload.kind === 'icmp') return version === 4 ? protocols.icmp : protocols.icmpv6
  return protocols[payload.kind]
}

/** The bytes above IP: what is cut when a packet is fragmented. */
export function encodePayload(packet: Packet): Buffer {
  const { payload, version } = packet
  const protocol = protocolOf(payload, version)
  const bytes = plainPayload(payload)
  if (payload.kind === 'opaque') return bytes
  const at = { udp: 6, tcp: 16, icmp: 2 }[payload.kind]
  const pseudo = payload.kind === 'icmp' && version === 4 ? Buffer.alloc(0) : pseudoHeader(packet, protocol, bytes.length)
  const computed = internetChecksum(pseudo, bytes)
  // UDP's 0 means "none"; a sum of 0 is sent as its other representation.
  bytes.writeUInt16BE(payload.checksum ?? (payload.kind === 'udp' && computed === 0 ? 0xffff : computed), at)
  return bytes
}

function plainPayload(payload: Payload): Buffer {
  switch (payload.kind) {
    case 'udp': {
      const header = Buffer.alloc(8)
      header.writeUInt16BE(payload.src, 0)
      header.writeUInt16BE(payload.dst, 2)
      header.writeUInt16BE(payload.length ?? 8 + payload.data.length, 4)
      return Buffer.concat([header, payload.data])
    }
    case 'tcp': return encodeTcp(payload)
    case 'icmp': {
      const header = Buffer.alloc(8)
      header.writeUInt8(payload.type, 0)
      header.writeUInt8(payload.code, 1)
      header.writeUInt32BE(payload.rest, 4)
      return Buffer.concat([header, payload.data])
    }
    case 'opaque': return Buffer.from(payload.data)
    default: return payload satisfies never
  }
}

function encodeTcp(segment: Tcp): Buffer {
  const options = padded(segment.options, 4)
  const header = Buffer.alloc(20)
  header.writeUInt16BE(segment.src, 0)
  header.writeUInt16BE(segment.dst, 2)
  header.writeUInt32BE(segment.seq, 4)
  header.writeUInt32BE(segment.ack, 8)
  header.writeUInt8((20 + options.length) / 4 << 4, 12)
  header.writeUInt8(tcpFlags.reduce((bits, letter, bit) => bits | Number(segment.flags.includes(letter)) << bit, 0), 13)
  header.writeUInt16BE(segment.window, 14)
  header.writeUInt16BE(segment.urgent, 18)
  return Buffer.concat([header, options, segment.data])
}

function encode4(packet: IPv4): Buffer {
  const payload = encodePayload(packet)
  const options = padded(packet.options, 4)
  const header = Buffer.alloc(20)
  header.writeUInt8(0x40 | (20 + options.length) / 4, 0)
  header.writeUInt8(packet.tos, 1)
  header.writeUInt16BE(packet.length ?? 20 + options.length + payload.length, 2)
  header.writeUInt16BE(packet.identification, 4)
  header.writeUInt16BE((packet.df ? 0x4000 : 0) | (packet.mf ? 0x2000 : 0) | packet.offset / 8, 6)
  header.writeUInt8(packet.ttl, 8)
  header.writeUInt8(protocolOf(packet.payload, 4), 9)
  bytes4(packet.src).copy(header, 12)
  bytes4(packet.dst).copy(header, 16)
  header.writeUInt16BE(internetChecksum(header, options), 10)
  return Buffer.concat([header, options, payload])
}

function encode6(packet: IPv6): Buffer {
  const payload = encodePayload(packet)
  const kinds = packet.extensions.map(({ kind }) => extensionNumber(kind))
  const next = [...kinds, protocolOf(packet.payload, 6)]
  const extensions = Buffer.concat(packet.extensions.map((extension, index) => encodeExtension(extension, next[index + 1] ?? 0)))
  const header = Buffer.alloc(40)
  header.writeUInt32BE(0x60000000 + packet.trafficClass * 0x100000 + packet.flowLabel, 0)
  header.writeUInt16BE(packet.length ?? extensions.length + payload.length, 4)
  header.writeUInt8(next[0] ?? 0, 6)
  header.writeUInt8(packet.hopLimit, 7)
  bytes6(packet.src).copy(header, 8)
  bytes6(packet.dst).copy(header, 24)
  return Buffer.concat([header, extensions, payload])
}

function encodeExtension(extension: Extension, next: number): Buffer {
  if (extension.kind === 'fragment') {
    const header = Buffer.alloc(8)
    header.writeUInt8(next, 0)
    header.writeUInt16BE(extension.offset | Number(extension.more), 2)
    header.writeUInt32BE(extension.identification, 4)
    return header
  }
  const { data } = extension
  if ((data.length + 2) % 8 !== 0) throw new Error(`an extension header of ${String(data.length + 2)} bytes is no multiple of 8`)
  return Buffer.concat([Buffer.from([next, (data.length + 2) / 8 - 1]), data])
}

function extensionNumber(kind: Extension['kind']): number {
  return kind === 'hop-by-hop' ? protocols.hopByHop : protocols[kind]
}

function pseudoHeader({ version, src, dst }: Packet, protocol: number, length: number): Buffer {
  if (version === 4) return Buffer.concat([bytes4(src), bytes4(dst), Buffer.from([0, protocol, length >> 8, length & 255])])
  const tail = Buffer.alloc(8)
  tail.writeUInt32BE(length, 0)
  tail.writeUInt8(protocol, 7)
  return Buffer.concat([bytes6(src), bytes6(dst), tail])
}

function padded(bytes: Buffer, unit: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((unit - bytes.length % unit) % unit)])
}
