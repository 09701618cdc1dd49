import { decode, DecodeError } from './decode.ts'
import { encode } from './encode.ts'
import type { Packet, Payload } from './packet.ts'

/** Errors carry the packet that they are about. */
const errorTypes = { 4: [3, 4, 5, 11, 12], 6: [1, 2, 3, 4] } as const

/**
 * Where a packet is not the one that was expected, field by field: "payload.inner.ttl: 63, expected 64". All fields count, lengths and
 * checksums too, but for those whose path begins with one of `except`. Empty when they are equal.
 */
export function differences(got: Packet, expected: Packet, except: readonly string[] = []): string[] {
  const [have, want] = [fields(got), fields(decode(encode(expected)))]
  const free = (path: string): boolean => except.some((name) => path === name || path.startsWith(`${name}.`))
  return [...new Set([...want.keys(), ...have.keys()])].filter((path) => !free(path) && have.get(path) !== want.get(path))
    .map((path) => `${path}: ${have.get(path) ?? 'absent'}, expected ${want.get(path) ?? 'absent'}`)
}

/** One line for a reader: "203.0.113.65 > 192.0.2.9 udp 1024 > 80, 12 bytes". */
export function summary(packet: Packet): string {
  const fragment = packet.version === 4 ? (packet.mf || packet.offset > 0 ? ` fragment at ${String(packet.offset)}${packet.mf ? '+' : ''}` : '')
    : packet.extensions.map((extension) => extension.kind === 'fragment' ? ` fragment at ${String(extension.offset)}${extension.more ? '+' : ''}` : ` ${extension.kind}`).join('')
  return `${packet.src} > ${packet.dst}${fragment} ${summaryOf(packet.payload)}`
}

/** The packet inside an ICMP error; undefined when it is none. @throws DecodeError */
export function innerPacket(packet: Packet): Packet | undefined {
  const { payload, version } = packet
  if (payload.kind !== 'icmp' || !(errorTypes[version] as readonly number[]).includes(payload.type)) return undefined
  return decode(payload.data, { truncated: true })
}

function summaryOf(payload: Payload): string {
  switch (payload.kind) {
    case 'udp': return `udp ${String(payload.src)} > ${String(payload.dst)}, ${String(payload.data.length)} bytes`
    case 'tcp': return `tcp ${payload.flags} ${String(payload.src)} > ${String(payload.dst)}, ${String(payload.data.length)} bytes`
    case 'icmp': return `icmp ${String(payload.type)}/${String(payload.code)} ${payload.rest.toString(16)}, ${String(payload.data.length)} bytes`
    case 'opaque': return `protocol ${String(payload.protocol)}, ${String(payload.data.length)} bytes`
    default: return payload satisfies never
  }
}

function fields(packet: Packet): Map<string, string> {
  const found = new Map<string, string>()
  walk('', packet, found)
  if (packet.payload.kind !== 'icmp') return found
  try {
    const inner = innerPacket(packet)
    if (inner !== undefined) {
      found.delete('payload.data')
      walk('payload.inner.', inner, found)
    }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    found.set('payload.inner', error.message)
  }
  return found
}

function walk(prefix: string, value: object, found: Map<string, string>): void {
  for (const [name, field] of Object.entries(value) as [string, unknown][]) {
    if (field instanceof Uint8Array) found.set(prefix + name, shown(Buffer.from(field)))
    else if (typeof field === 'object' && field !== null) walk(`${prefix}${name}.`, field, found)
    else found.set(prefix + name, String(field))
  }
}

/** Short bytes as they are; of long ones enough to see where they begin, and all of them by length and sum. */
function shown(bytes: Buffer): string {
  if (bytes.length <= 24) return `[${bytes.toString('hex')}]`
  return `[${String(bytes.length)} bytes ${bytes.subarray(0, 8).toString('hex')}… #${fingerprint(bytes)}]`
}

function fingerprint(bytes: Buffer): string {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash.toString(16)
}
