import type { Readable, Writable } from 'node:stream'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { Argv } from '../../../scripts/lib/exec.ts'

export interface HostResult {
  /** Null when ended at its deadline. */
  status: number | null
  stdout: string
  stderr: string
}

export interface ChildExit {
  child: number
  status: number | null
  signal: string | null
  stderr: string
}

/** An Ethernet frame that arrived at a host's wire. */
export interface ArrivedFrame {
  /** In hexadecimal digits. */
  frame: string
  /** The sender left the transport checksum unfinished. */
  partial: boolean
}

/** What an agent understands; see hosts/agent.mjs. */
export interface HostCalls {
  hello: [Record<string, never>, { pid: number }]
  exec: [{ argv: Argv; input?: string; timeoutMs?: number }, HostResult]
  /** `fds` are handed on as 3, 4, …; `wire` as standard input and output. */
  start: [{ argv: Argv; fds?: readonly number[]; wire?: number; outFile?: string }, { child: number; pid: number }]
  stop: [{ child: number; signal?: string }, null]
  write: [{ files: Record<string, string> }, null]
  /** From now on `onFrame` is called; needs python3. */
  openWire: [{ device: string }, null]
  /** Whole Ethernet frames, in hexadecimal digits. */
  sendFrames: [{ frames: string[] }, null]
  /** Does nothing when it is served already. */
  serve: [{ host: string; port: number }, null]
  /** Connections and datagrams that came in where this host serves. */
  heard: [{ host: string; port: number }, { count: number }]
  /** @throws TrafficFailed */
  exchangeTcp: [{ host: string; port: number; upload: number; download: number; timeoutMs: number }, { ms: number; peer: string; peerPort: number }]
  exchangeUdp: [
    { host: string; port: number; count: number; sizeBytes: number; window: number; timeoutMs: number },
    { sent: number; returned: number; ms: number; sendError?: string; refused: boolean },
  ]
  /** Bulk data on one connection until `endTransfer`, in pieces of 64 MiB that have `timeoutMs` each, and a pause after each; resolves after the first piece. @throws TrafficFailed */
  startTransfer: [{ host: string; port: number; timeoutMs: number }, { peer: string; peerPort: number }]
  /** A piece that began after this was asked has come through. `longestMs` is the slowest piece's time. @throws TrafficFailed */
  endTransfer: [Record<string, never>, { bytes: number; longestMs: number; ms: number }]
  openMany: [
    { host: string; port: number; count: number; sizeBytes: number; timeoutMs: number },
    { opened: number; distinctPeers: number; failed: string[]; ms: number },
  ]
  closeMany: [{ sizeBytes: number; timeoutMs: number }, { alive: number; failed: string[] }]
}

/** The network between the hosts, not the lab, is why an exchange failed. */
export class TrafficFailed extends Error {
  /** Nobody answered in time, or the connection was refused or unreachable: nothing came through. */
  readonly unanswered: boolean

  constructor(message: string, unanswered: boolean) {
    super(message)
    this.unanswered = unanswered
  }
}

/** Speaks to one host's agent: JSON lines, answers by number. */
export class HostClient {
  readonly name: string
  readonly #to: Writable
  readonly #words: () => string
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  readonly #exits = new Set<(exit: ChildExit) => void>()
  #onFrame: (frame: ArrivedFrame) => void = () => undefined
  #nextId = 1
  #rest = ''
  #gone = false

  constructor(name: string, from: Readable, to: Writable, words: () => string) {
    this.name = name
    this.#to = to
    this.#words = words
    from.setEncoding('utf8')
    from.on('data', (text: string) => { this.#take(text) })
    from.on('close', () => { this.#lost() })
    from.on('error', () => { this.#lost() })
    to.on('error', () => { this.#lost() })
  }

  /** @throws ForgeError E_LAB when the host's process is gone, or reports that it could not; TrafficFailed */
  async call<Verb extends keyof HostCalls>(verb: Verb, args: HostCalls[Verb][0]): Promise<HostCalls[Verb][1]> {
    if (this.#gone) throw this.#ended()
    const id = this.#nextId++
    const answer = new Promise<unknown>((resolve, reject) => { this.#waiting.set(id, { resolve, reject }) })
    this.#to.write(`${JSON.stringify({ id, do: verb, ...args })}\n`)
    return await answer as HostCalls[Verb][1]
  }

  /** Runs a command that has to succeed. @throws ForgeError E_LAB with its words */
  async must(...argv: Argv): Promise<string> {
    const { status, stdout, stderr } = await this.call('exec', { argv })
    if (status !== 0) throw new ForgeError('E_LAB', `${this.name}: ${argv.join(' ')}: exit status ${String(status)}`, { details: stderr.trim() })
    return stdout
  }

  /** Who takes the frames of this host's wire. */
  onFrame(listener: (frame: ArrivedFrame) => void): void {
    this.#onFrame = listener
  }

  onExit(listener: (exit: ChildExit) => void): void {
    this.#exits.add(listener)
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = JSON.parse(line) as { id?: number; result?: unknown; error?: string; traffic?: 'unanswered' | 'broken'; event?: string } & ChildExit & ArrivedFrame
      if (message.event === 'frame') {
        this.#onFrame(message)
        continue
      }
      // Whoever waits for frames finds that none come; the agent goes on.
      if (message.event === 'wire-closed') continue
      if (message.event === 'exit') {
        for (const listener of this.#exits) listener(message)
        continue
      }
      const waiting = this.#waiting.get(message.id ?? -1)
      this.#waiting.delete(message.id ?? -1)
      if (message.error === undefined) waiting?.resolve(message.result)
      else if (message.traffic !== undefined) waiting?.reject(new TrafficFailed(`${this.name}: ${message.error}`, message.traffic === 'unanswered'))
      else waiting?.reject(new ForgeError('E_LAB', `${this.name}: ${message.error}`))
    }
  }

  #lost(): void {
    this.#gone = true
    for (const { reject } of this.#waiting.values()) reject(this.#ended())
    this.#waiting.clear()
  }

  #ended(): ForgeError {
    return new ForgeError('E_LAB', `${this.name}: its process ended`, { details: this.#words() })
  }
}
