import { ForgeError } from '../../../scripts/lib/errors.ts'
import { decode, DecodeError } from '../packets/decode.ts'
import { completedChecksum } from '../packets/offload.ts'
import { encode } from '../packets/encode.ts'
import type { Packet } from '../packets/packet.ts'
import type { ArrivedFrame, HostClient } from './host-client.ts'

const etherTypes = { 4: '0800', 6: '86dd' } as const
const headerDigits = 28

/** An IP packet that arrived. */
export interface Arrival {
  packet: Packet
  bytes: Buffer
}

/** One end of a cable to the router, below any kernel: packets of our own making go out, everything that comes is kept. */
export class Wire {
  readonly name: string
  /** Everything so far, in order. */
  readonly arrivals: Arrival[] = []
  /** Frames with IP in them that are no packets. */
  readonly malformed: string[] = []
  readonly #host: HostClient
  /** Destination and source, in hexadecimal digits. */
  readonly #addresses: string
  readonly #listeners = new Set<() => void>()

  private constructor(host: HostClient, addresses: string) {
    this.name = host.name
    this.#host = host
    this.#addresses = addresses
    host.onFrame((frame) => { this.#take(frame) })
  }

  /** @throws ForgeError E_LAB */
  static async open(host: HostClient, device: string, routerMac: string): Promise<Wire> {
    const own = /link\/ether ([0-9a-f:]{17})/.exec(await host.must('ip', 'link', 'show', 'dev', device))?.[1]
    if (own === undefined) throw new ForgeError('E_LAB', `${host.name}: ${device} has no Ethernet address`)
    const wire = new Wire(host, (routerMac + own).replaceAll(':', ''))
    await host.call('openWire', { device })
    return wire
  }

  async send(...packets: readonly (Packet | Buffer)[]): Promise<void> {
    const frames = packets.map((packet) => {
      const bytes = Buffer.isBuffer(packet) ? packet : encode(packet)
      return `${this.#addresses}${(bytes[0] ?? 0) >> 4 === 4 ? etherTypes[4] : etherTypes[6]}${bytes.toString('hex')}`
    })
    await this.#host.call('sendFrames', { frames })
  }

  /** The first arrival from number `from` on that is wanted; undefined at the deadline. */
  async until(from: number, wanted: (arrival: Arrival) => boolean, timeoutMs: number): Promise<Arrival | undefined> {
    return await new Promise((resolve) => {
      let next = from
      const finish = (found: Arrival | undefined): void => {
        this.#listeners.delete(look)
        clearTimeout(timer)
        resolve(found)
      }
      const look = (): void => {
        for (; next < this.arrivals.length; next++) {
          const arrival = this.arrivals[next]
          if (arrival && wanted(arrival)) return finish(arrival)
        }
      }
      const timer = setTimeout(() => { finish(undefined) }, timeoutMs)
      this.#listeners.add(look)
      look()
    })
  }

  #take({ frame, partial }: ArrivedFrame): void {
    const etherType = frame.slice(headerDigits - 4, headerDigits)
    if (etherType !== etherTypes[4] && etherType !== etherTypes[6]) return
    const raw = Buffer.from(frame.slice(headerDigits), 'hex')
    const bytes = partial ? completedChecksum(raw) : raw
    try {
      this.arrivals.push({ packet: decode(bytes), bytes })
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.malformed.push(`${error.message}: ${bytes.subarray(0, 60).toString('hex')}`)
    }
    for (const listener of this.#listeners) listener()
  }
}
