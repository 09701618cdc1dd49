import { encodePayload, protocolOf } from './encode.ts'
import type { IPv4, IPv6, Opaque, Packet } from './packet.ts'

/**
 * Cuts a packet into fragments, each with at most `partBytes` (a multiple of 8) of what is above IP, in order.
 * IPv4 keeps the packet's identification; IPv6 gets a Fragment Header with `identification`.
 */
export function fragment4(packet: IPv4, partBytes: number): IPv4[] {
  return parts(packet, partBytes).map(({ offset, more, payload }) => ({ ...packet, offset, mf: more, payload }))
}

export function fragment6(packet: IPv6, partBytes: number, identification: number): IPv6[] {
  return parts(packet, partBytes).map(({ offset, more, payload }) => ({ ...packet, extensions: [...packet.extensions, { kind: 'fragment', identification, offset, more }], payload }))
}

/** Undoes it, whatever the order. @throws Error when a part is missing, doubled, or of another packet */
export function reassembled(packets: readonly Packet[]): Opaque {
  const found = packets.map(partOf).toSorted((a, b) => a.offset - b.offset)
  const first = found[0]
  if (!first) throw new Error('no fragment at all')
  let end = 0
  for (const { offset, more, identification, protocol, data } of found) {
    if (identification !== first.identification || protocol !== first.protocol) throw new Error('fragments of two packets')
    if (offset !== end) throw new Error(`a fragment begins at ${String(offset)}, expected ${String(end)}`)
    end = offset + data.length
    if (more !== (found.at(-1)?.offset !== offset)) throw new Error(`the fragment at ${String(offset)} ${more ? 'promises more' : 'says it is the last'}`)
  }
  return { kind: 'opaque', protocol: first.protocol, data: Buffer.concat(found.map(({ data }) => data)) }
}

function parts(packet: Packet, partBytes: number): { offset: number; more: boolean; payload: Opaque }[] {
  const bytes = encodePayload(packet)
  const protocol = protocolOf(packet.payload, packet.version)
  return Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, index) => {
    const offset = index * partBytes
    return { offset, more: offset + partBytes < bytes.length, payload: { kind: 'opaque', protocol, data: bytes.subarray(offset, offset + partBytes) } }
  })
}

function partOf(packet: Packet): { offset: number; more: boolean; identification: number; protocol: number; data: Buffer } {
  if (packet.payload.kind !== 'opaque') throw new Error('a packet that is no fragment')
  const { protocol, data } = packet.payload
  if (packet.version === 4) return { offset: packet.offset, more: packet.mf, identification: packet.identification, protocol, data }
  const header = packet.extensions.find(({ kind }) => kind === 'fragment')
  if (header?.kind !== 'fragment') throw new Error('a packet that is no fragment')
  return { ...header, protocol, data }
}
