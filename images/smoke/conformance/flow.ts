import { ip4, ip6, pattern, udp, type IPv4, type IPv6 } from '../packets/packet.ts'
import { world } from './world.ts'

const { a6, a4, s6, s4, port, peerPort } = world

/** A packet of `a` for `s`, as it is sent. */
export const from6 = (fields: Partial<IPv6> = {}, length = 20): IPv6 => ip6({ src: a6, dst: s6, payload: udp(port, peerPort, pattern(length)), ...fields })
/** The same, as it should arrive; the TTL is the entry's to say. */
export const as4 = (fields: Partial<IPv4> = {}, length = 20): IPv4 => ip4({ src: a4, dst: s4, payload: udp(port, peerPort, pattern(length)), ...fields })
/** A packet of `s` for `a`. */
export const from4 = (fields: Partial<IPv4> = {}, length = 20): IPv4 => ip4({ src: s4, dst: a4, payload: udp(peerPort, port, pattern(length)), ...fields })
export const as6 = (fields: Partial<IPv6> = {}, length = 20): IPv6 => ip6({ src: s6, dst: a6, payload: udp(peerPort, port, pattern(length)), ...fields })
