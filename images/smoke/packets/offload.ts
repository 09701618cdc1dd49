import { decode } from './decode.ts'
import { internetChecksum, protocols } from './encode.ts'

/**
 * What a network card does for a kernel that leaves the transport checksum to it: the field holds the sum over the pseudo-header, and the sum over
 * the message, field included, takes its place. A wrong beginning stays wrong. Other packets come back as they are.
 */
export function completedChecksum(bytes: Buffer): Buffer {
  const { payload } = decode(bytes)
  if (payload.kind === 'opaque') return bytes
  const done = Buffer.from(bytes)
  const message = done.subarray(messageStart(done))
  const at = { udp: 6, tcp: 16, icmp: 2 }[payload.kind]
  const sum = internetChecksum(message)
  message.writeUInt16BE(payload.kind === 'udp' && sum === 0 ? 0xffff : sum, at)
  return done
}

function messageStart(bytes: Buffer): number {
  if ((bytes[0] ?? 0) >> 4 === 4) return (bytes.readUInt8(0) & 15) * 4
  let [at, next] = [40, bytes.readUInt8(6)]
  while (([protocols.hopByHop, protocols.routing, protocols.destination] as number[]).includes(next)) [at, next] = [at + (bytes.readUInt8(at + 1) + 1) * 8, bytes.readUInt8(at)]
  return at
}
