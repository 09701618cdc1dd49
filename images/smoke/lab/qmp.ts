import type { Duplex } from 'node:stream'
import { ForgeError } from '../../../scripts/lib/errors.ts'

export interface QmpEvent {
  event: string
  data?: Record<string, unknown>
}

interface QmpMessage {
  QMP?: unknown
  id?: number
  return?: unknown
  error?: { class: string; desc: string }
  event?: string
  data?: Record<string, unknown>
}

/** QEMU's machine protocol: JSON lines over a stream. @see https://www.qemu.org/docs/master/interop/qmp-spec.html */
export class Qmp {
  readonly #wire: Duplex
  readonly #waiting = new Map<number, { command: string; resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  readonly #onEvent: (event: QmpEvent) => void
  #rest = ''
  #nextId = 1
  #greeted: () => void = () => undefined
  readonly #greeting = new Promise<void>((resolve) => { this.#greeted = resolve })

  constructor(wire: Duplex, onEvent: (event: QmpEvent) => void = () => undefined) {
    this.#wire = wire
    this.#onEvent = onEvent
    wire.on('data', (data: Buffer) => { this.#take(data.toString()) })
    wire.on('error', () => { wire.destroy() })
    wire.on('close', () => {
      for (const { command, reject } of this.#waiting.values()) reject(new ForgeError('E_LAB', `QEMU ended before it answered ${command}`))
      this.#waiting.clear()
    })
  }

  /** Waits for QEMU's greeting and leaves negotiation mode. */
  async ready(): Promise<void> {
    await this.#greeting
    await this.execute('qmp_capabilities')
  }

  /** @throws ForgeError E_LAB when QEMU refuses, or ends */
  async execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    const id = this.#nextId++
    const answer = new Promise<unknown>((resolve, reject) => { this.#waiting.set(id, { command, resolve, reject }) })
    this.#wire.write(`${JSON.stringify({ execute: command, id, ...(args === undefined ? {} : { arguments: args }) })}\n`)
    return await answer
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.trim() !== '') this.#message(JSON.parse(line) as QmpMessage)
    }
  }

  #message(message: QmpMessage): void {
    if (message.QMP !== undefined) return this.#greeted()
    if (message.event !== undefined) {
      this.#onEvent({ event: message.event, ...(message.data === undefined ? {} : { data: message.data }) })
      return
    }
    const waiting = this.#waiting.get(message.id ?? -1)
    if (!waiting) return
    this.#waiting.delete(message.id ?? -1)
    if (message.error) waiting.reject(new ForgeError('E_LAB', `QEMU refused ${waiting.command}: ${message.error.desc}`))
    else waiting.resolve(message.return)
  }
}
