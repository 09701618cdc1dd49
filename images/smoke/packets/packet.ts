/** UDP; `checksum` is computed when left out, and kept as it is otherwise: 0 says that there is none. */
export interface Udp {
  kind: 'udp'
  src: number
  dst: number
  /** As the header says it; right when left out. */
  length?: number
  checksum?: number
  data: Buffer
}

export interface Tcp {
  kind: 'tcp'
  src: number
  dst: number
  seq: number
  ack: number
  /** Letters of FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, in this order: "SA". */
  flags: string
  window: number
  checksum?: number
  urgent: number
  /** Padded to whole words. */
  options: Buffer
  data: Buffer
}

/** ICMP or ICMPv6, by the packet it is in. `rest` is the second word: identifier and sequence number, MTU, pointer. */
export interface Icmp {
  kind: 'icmp'
  type: number
  code: number
  checksum?: number
  rest: number
  /** What follows: an echo's data, or the packet that an error is about, as far as it was kept. */
  data: Buffer
}

/** A fragment's part, or a transport that is not taken apart. `protocol` is IP's number. */
export interface Opaque {
  kind: 'opaque'
  protocol: number
  data: Buffer
}

export type Payload = Udp | Tcp | Icmp | Opaque

export interface IPv4 {
  version: 4
  /** Total length as the header says it; right when left out. */
  length?: number
  tos: number
  identification: number
  df: boolean
  mf: boolean
  /** In bytes. */
  offset: number
  ttl: number
  src: string
  dst: string
  /** Padded to whole words. */
  options: Buffer
  payload: Payload
}

export type Extension =
  | { kind: 'fragment'; identification: number; offset: number; more: boolean }
  /** `data` is all that follows the header's length; its first two bytes are the routing type and the segments left. */
  | { kind: 'routing'; data: Buffer }
  | { kind: 'hop-by-hop' | 'destination'; data: Buffer }

export interface IPv6 {
  version: 6
  /** Payload length as the header says it; right when left out. */
  length?: number
  trafficClass: number
  flowLabel: number
  hopLimit: number
  src: string
  dst: string
  extensions: Extension[]
  payload: Payload
}

export type Packet = IPv4 | IPv6

const none = Buffer.alloc(0)

export function ip4(fields: Pick<IPv4, 'src' | 'dst' | 'payload'> & Partial<IPv4>): IPv4 {
  return { version: 4, tos: 0, identification: 0, df: false, mf: false, offset: 0, ttl: 64, options: none, ...fields }
}

export function ip6(fields: Pick<IPv6, 'src' | 'dst' | 'payload'> & Partial<IPv6>): IPv6 {
  return { version: 6, trafficClass: 0, flowLabel: 0, hopLimit: 64, extensions: [], ...fields }
}

export function udp(src: number, dst: number, data: Buffer | string, checksum?: number): Udp {
  return { kind: 'udp', src, dst, data: Buffer.from(data), ...(checksum === undefined ? {} : { checksum }) }
}

export function tcp(src: number, dst: number, flags: string, fields: Partial<Tcp> = {}): Tcp {
  return { kind: 'tcp', src, dst, seq: 0, ack: 0, flags, window: 64240, urgent: 0, options: none, data: none, ...fields }
}

export function icmp(type: number, code: number, rest: number, data: Buffer | string): Icmp {
  return { kind: 'icmp', type, code, rest, data: Buffer.from(data) }
}

/** The second word of an echo. */
export function echoRest(identifier: number, sequence: number): number {
  return identifier * 65536 + sequence
}

/** Bytes that differ by position, so that a swapped or lost part shows. */
export function pattern(length: number, seed = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 7 + (index >> 8) * 13 + seed) & 255))
}
