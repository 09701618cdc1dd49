import { createWriteStream, type WriteStream } from 'node:fs'
import type { Duplex } from 'node:stream'
import { eventsIn, plainText, type ConsoleEvent } from './console-events.ts'

const tailLines = 25
/** An unfinished escape sequence at the end of what was read so far. */
// eslint-disable-next-line no-control-regex
const cutEscape = /\x1b(\[[0-?]*[ -/]*|\][^\x07\x1b]*|[()]?)$/

/** A guest's serial console: keeps it in a file, tells events, and lets a driver read and type. */
export class Console {
  readonly #wire: Duplex
  readonly #file: WriteStream
  readonly #listeners = new Set<() => void>()
  readonly #onEvent: (event: ConsoleEvent) => void
  #raw = ''
  #text = ''
  #lineStart = 0
  #promptSeen = false
  /**
   * True while somebody works on the console: then output is a command's and tells of nothing but the end,
   * whatever log it shows.
   */
  attended = false
  /** When the guest last printed anything; `performance.now()`. */
  lastOutput = performance.now()

  constructor(wire: Duplex, logFile: string, onEvent: (event: ConsoleEvent) => void) {
    this.#wire = wire
    this.#file = createWriteStream(logFile)
    this.#onEvent = onEvent
    wire.on('data', (data: Buffer) => { this.#take(data) })
    wire.on('error', () => { wire.destroy() })
  }

  /** Everything printed so far, without escape sequences. */
  get text(): string {
    return this.#text
  }

  tail(): string {
    return this.#text.slice(-8000).split('\n').filter((line) => line.trim() !== '').slice(-tailLines).join('\n')
  }

  type(text: string): void {
    this.#wire.write(text)
  }

  /** Called at every output; returns how to stop. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  async close(): Promise<void> {
    this.#wire.destroy()
    await new Promise<void>((resolve) => { this.#file.end(resolve) })
  }

  #take(data: Buffer): void {
    this.lastOutput = performance.now()
    this.#file.write(data)
    const raw = this.#raw + data.toString('latin1')
    const cut = cutEscape.exec(raw)
    this.#raw = cut && raw.length - cut.index < 64 ? raw.slice(cut.index) : ''
    this.#text += plainText(raw.slice(0, raw.length - this.#raw.length))
    for (let end = this.#text.indexOf('\n', this.#lineStart); end >= 0; end = this.#text.indexOf('\n', this.#lineStart)) {
      const line = this.#text.slice(this.#lineStart, end)
      this.#lineStart = end + 1
      for (const event of eventsIn(line)) {
        // A prompt that was told when it appeared is not told again when its line ends.
        if (event.kind !== 'login' || !this.#promptSeen) this.#tell(event)
      }
      this.#promptSeen = false
    }
    const unfinished = this.#text.slice(this.#lineStart)
    if (!this.#promptSeen && / login: ?$|^\(initramfs\) *$/.test(unfinished)) {
      this.#promptSeen = true
      for (const event of eventsIn(unfinished)) this.#tell(event)
    }
    for (const listener of this.#listeners) listener()
  }

  #tell(event: ConsoleEvent): void {
    if (!this.attended || event.kind === 'shutdown' || (event.kind === 'failure' && event.what === 'kernel panic')) this.#onEvent(event)
  }
}
