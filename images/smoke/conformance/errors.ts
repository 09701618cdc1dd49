import { encode } from '../packets/encode.ts'
import { icmp, ip4, ip6, type IPv4, type IPv6 } from '../packets/packet.ts'
import { world } from './world.ts'

const { router4, router6 } = world

/** What a router says of an IPv6 packet; the packet is quoted as far as 1280 bytes hold it. */
export function icmpError6(about: IPv6, type: number, code: number, rest: number): IPv6 {
  return ip6({ src: router6, dst: about.src, payload: icmp(type, code, rest, encode(about).subarray(0, 1280 - 48)) })
}

/** What a router says of an IPv4 packet; the packet is quoted as far as 576 bytes hold it (RFC 1812, section 4.3.2.3). */
export function icmpError4(about: IPv4, type: number, code: number, rest: number): IPv4 {
  return ip4({ src: router4, dst: about.src, payload: icmp(type, code, rest, encode(about).subarray(0, 576 - 28)) })
}
