import { demand } from '../checks/check.ts'
import type { RouterDriver } from '../drivers/router-driver.ts'
import type { Arrival, Wire } from '../lab/wire.ts'
import { encode } from '../packets/encode.ts'
import { differences, summary } from '../packets/difference.ts'
import { echoRest, icmp, ip4, ip6, type Packet } from '../packets/packet.ts'
import type { TranslatorConfig, TranslatorSetup } from './translator.ts'
import { world } from './world.ts'

export type Side = 'v6' | 'v4'
export interface Complaint { type: number; code: number; rest?: number }
export interface Seen { v6: Packet[]; v4: Packet[] }

/** Identifier of the echo requests that mark a point in time. */
const markId = 0xfeed
const markDeadlineMs = 5_000

/** What an entry works with: both wires, and what is configured. */
export class Bench {
  readonly setup: TranslatorSetup
  readonly config: TranslatorConfig
  readonly router: RouterDriver
  readonly scaled: (ms: number) => number
  readonly #wires: Record<Side, Wire>
  static #nextMark = 1

  constructor(parts: { v6: Wire; v4: Wire; setup: TranslatorSetup; config: TranslatorConfig; router: RouterDriver; scaled: (ms: number) => number }) {
    this.#wires = { v6: parts.v6, v4: parts.v4 }
    this.setup = parts.setup
    this.config = parts.config
    this.router = parts.router
    this.scaled = parts.scaled
  }

  /** Hop limit or TTL after the translator. */
  hop(limit: number): number {
    return limit - this.setup.hops
  }

  /** Sends packets and gives all that came of them, on both sides. */
  async exchange(side: Side, ...packets: readonly Packet[]): Promise<Seen> {
    return await this.exchangeThrough(this.setup.queues, side, ...packets)
  }

  /** The same where packets wait more often than the setup says. */
  async exchangeThrough(queues: number, side: Side, ...packets: readonly Packet[]): Promise<Seen> {
    const from = this.#position()
    await this.#wires[side].send(...packets)
    await this.settle(side, queues)
    return this.#since(from)
  }

  /** One packet in, this one out, and nothing else. */
  async translates(side: Side, packet: Packet, expected: Packet, except: readonly string[] = []): Promise<Packet> {
    const seen = await this.exchange(side, packet)
    return this.only(seen, side === 'v6' ? 'v4' : 'v6', expected, [...except, ...freeOf(expected)])
  }

  /** The packet is thrown away without a word. */
  async drops(side: Side, ...packets: readonly Packet[]): Promise<void> {
    const seen = await this.exchange(side, ...packets)
    demand(seen.v6.length + seen.v4.length === 0, `expected nothing, got ${shown(seen)}`)
  }

  /**
   * The packet is not passed on; its sender is told by this error of the translator, or of the router that is before it. What a kernel
   * chooses by itself in an error is left open.
   */
  async refuses(packet: Packet, error: Complaint, { by = 'translator', except = [] }: { by?: 'translator' | 'router'; except?: readonly string[] } = {}): Promise<Packet> {
    const side = packet.version === 6 ? 'v6' : 'v4'
    return this.only(await this.exchange(side, packet), side, this.complaint(packet, error, by), [...except, ...kernelsOwn(packet)])
  }

  /** What the translator says of a packet that came to it. */
  complaint(about: Packet, { type, code, rest = 0 }: Complaint, by: 'translator' | 'router' = 'translator'): Packet {
    const inside = this.setup.mode === 'isolated' && by === 'translator'
    const src = by === 'router' ? { v6: world.router6, v4: world.router4 } : this.setup.own
    // Quoted as far as 1280 bytes hold it, or 576 (RFC 4443, section 2.4; RFC 1812, section 4.3.2.3).
    if (about.version === 6) return ip6({ src: src.v6, dst: about.src, payload: icmp(type, code, rest, encode({ ...about, hopLimit: about.hopLimit - Number(inside) }).subarray(0, 1280 - 48)) })
    return ip4({ src: src.v4, dst: about.src, payload: icmp(type, code, rest, encode({ ...about, ttl: about.ttl - Number(inside) }).subarray(0, 576 - 28)) })
  }

  /** Exactly this packet was seen, there and nowhere else. @throws CheckFailed */
  only(seen: Seen, side: Side, expected: Packet, except: readonly string[] = []): Packet {
    const got = seen[side][0]
    demand(seen.v6.length + seen.v4.length === 1 && got !== undefined, `expected ${summary(expected)} on ${side}, got ${shown(seen)}`)
    demandEqual(got, expected, [...except, ...side === 'v4' && this.setup.engine === 'tayga' ? taygasDf : []])
    return got
  }

  /**
   * Returns when the router has done with all that was sent on this side, and what it sent has arrived: a router that answers an echo
   * request has handled what came before on that wire, and the answer comes after what it sent before. So no absence is a matter of waiting.
   * A namespace within the router has queues of its own, each of which is worked off before the next packet from a wire is looked at.
   */
  async settle(side: Side, queues = this.setup.queues): Promise<void> {
    for (let queue = 0; queue <= queues; queue++) await this.#mark(side)
    await this.#mark(side === 'v6' ? 'v4' : 'v6')
  }

  /** What arrives from now on, within a time that the check itself is about. */
  async within(side: Side, timeoutMs: number, wanted: (packet: Packet) => boolean): Promise<Packet | undefined> {
    const wire = this.#wires[side]
    return (await wire.until(wire.arrivals.length, ({ packet }) => wanted(packet), timeoutMs))?.packet
  }

  async #mark(side: Side): Promise<void> {
    const wire = this.#wires[side]
    const rest = echoRest(markId, Bench.#nextMark++ & 0xffff)
    const from = wire.arrivals.length
    await wire.send(side === 'v6'
      ? ip6({ src: world.probe6, dst: this.setup.marks.v6, payload: icmp(128, 0, rest, 'mark') })
      : ip4({ src: world.probe4, dst: this.setup.marks.v4, payload: icmp(8, 0, rest, 'mark') }))
    const answer = await wire.until(from, ({ packet: { payload } }) => payload.kind === 'icmp' && payload.rest === rest, this.scaled(markDeadlineMs))
    demand(answer !== undefined, `no answer of ${this.setup.marks[side]} on the ${side} side`)
  }

  #position(): Record<Side, { arrivals: number; malformed: number }> {
    const of = (wire: Wire): { arrivals: number; malformed: number } => ({ arrivals: wire.arrivals.length, malformed: wire.malformed.length })
    return { v6: of(this.#wires.v6), v4: of(this.#wires.v4) }
  }

  #since(from: Record<Side, { arrivals: number; malformed: number }>): Seen {
    for (const side of ['v6', 'v4'] as const) {
      const bad = this.#wires[side].malformed[from[side].malformed]
      demand(bad === undefined, `on ${side}: ${bad ?? ''}`)
    }
    const take = (side: Side): Packet[] => this.#wires[side].arrivals.slice(from[side].arrivals).filter(matters).map(({ packet }) => packet)
    return { v6: take('v6'), v4: take('v4') }
  }
}

/** TAYGA 0.9.2 sets DF in whatever it translates to IPv4; the table has an entry about that, and all the others are about something else. */
const taygasDf = ['df', 'payload.inner.df']

/** Fields of an error that are the kernel's to choose. */
export function kernelsOwn({ version }: Packet): string[] {
  return version === 4 ? ['tos', 'identification', 'df', 'ttl'] : ['trafficClass', 'flowLabel', 'hopLimit']
}

/** @throws CheckFailed */
export function demandEqual(got: Packet, expected: Packet, except: readonly string[] = []): void {
  const found = differences(got, expected, except)
  demand(found.length === 0, `${summary(got)}: ${found.join('; ')}`)
}

export function shown({ v6, v4 }: Seen): string {
  const all = [...v6.map((packet) => `on v6 ${summary(packet)}`), ...v4.map((packet) => `on v4 ${summary(packet)}`)]
  return all.length === 0 ? 'nothing' : all.join(', ')
}

/** A translator chooses the identification of an IPv4 packet that was no fragment. */
function freeOf(expected: Packet): string[] {
  return expected.version === 4 && !expected.mf && expected.offset === 0 ? ['identification', 'payload.inner.identification'] : ['payload.inner.identification']
}

/** Neighbour discovery, multicast and the marks are no part of any exchange. */
function matters({ packet }: Arrival): boolean {
  if (/^(fe80:|ff|22[4-9]\.|23\d\.|255\.)/.test(packet.dst) || packet.src.startsWith('fe80:') || packet.src === '::') return false
  if (packet.dst === world.probe6 || packet.dst === world.probe4) return false
  const { payload } = packet
  return !(packet.version === 6 && payload.kind === 'icmp' && payload.type >= 133 && payload.type <= 137)
}
