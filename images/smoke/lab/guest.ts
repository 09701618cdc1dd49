import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { interrupted } from '../../../scripts/lib/exec.ts'
import { Console } from './console.ts'
import { eventsIn, isFatal } from './console-events.ts'
import { ovmfVariables, qemuArgv, type MachineOptions } from './qemu-argv.ts'
import { Qmp } from './qmp.ts'
import type { LabEvent, Timeline } from './timeline.ts'
import type { LabTree } from './tree.ts'
import { secureBootVariables } from './uefi-variables.ts'

/** How long a guest may stay silent, and take in all, before its boot counts as failed; times the speed factor. */
interface BootDeadlines { silenceMs: number; totalMs: number }
const bootDeadlines: BootDeadlines = { silenceMs: 75_000, totalMs: 240_000 }
/** VyOS loads its configuration, a process for each node, without a word, and has its login prompt only then. */
export const vyosDeadlines: BootDeadlines = { silenceMs: 400_000, totalMs: 900_000 }

export interface GuestOptions extends Omit<MachineOptions, 'uefiVariables'> {
  /** PEM: what the firmware trusts; needed for Secure Boot. */
  certificate?: string | undefined
  speedFactor: number
  deadlines?: BootDeadlines | undefined
  workDir: string
  consoleFile: string
  timeline: Timeline
  signal: AbortSignal
}

/** A machine with a console. Stopped when started: `run` lets it go. */
export class Guest implements AsyncDisposable {
  readonly console: Console
  readonly #tree: LabTree
  readonly #qmp: Qmp
  readonly #options: GuestOptions
  readonly #child: number
  #exit: ForgeError | undefined
  readonly #onExit = new Set<() => void>()

  private constructor(tree: LabTree, qmp: Qmp, console: Console, child: number, options: GuestOptions) {
    this.console = console
    this.#tree = tree
    this.#qmp = qmp
    this.#child = child
    this.#options = options
    tree.transit.onExit((exit) => {
      if (exit.child !== child) return
      const how = `QEMU ended (${exit.signal ?? `exit status ${String(exit.status)}`})${exit.stderr.trim() === '' ? '' : `: ${exit.stderr.trim()}`}`
      // A router that powers itself off ends QEMU in good order; anything else is this host's failure.
      this.#exit = exit.status === 0 ? this.bootFailure(how) : new ForgeError('E_LAB', how, { hint: 'nat64-forge doctor' })
      for (const listener of this.#onExit) listener()
    })
  }

  /** Starts QEMU in the lab's namespaces; its tap devices exist when this returns. @throws ForgeError E_LAB */
  static async start(tree: LabTree, options: GuestOptions): Promise<Guest> {
    const uefiVariables = join(options.workDir, 'uefi-variables.fd')
    if (options.firmware === 'uefi') await copyFile(ovmfVariables, uefiVariables)
    if (options.firmware === 'uefi-secure') {
      if (options.certificate === undefined) throw new ForgeError('E_BUG', 'Secure Boot without a certificate that the firmware trusts')
      await writeFile(uefiVariables, secureBootVariables(await readFile(ovmfVariables), options.certificate))
    }
    const wires = tree.guests[options.role ?? 'router']
    const console = new Console(wires.serial, options.consoleFile, (event) => { options.timeline.record(event) })
    let rest = ''
    wires.firmware.on('data', (data: Buffer) => {
      const lines = (rest + data.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      // The BIOS says here what a screen would show.
      for (const event of lines.flatMap(eventsIn)) {
        if (event.kind === 'firmware' || event.kind === 'failure') options.timeline.record(event)
      }
    })
    wires.firmware.on('error', () => undefined)
    const qmp = new Qmp(wires.qmp)
    const { child } = await tree.transit.call('start', {
      argv: qemuArgv({ ...options, uefiVariables }), fds: [wires.fds.qmp, wires.fds.serial, wires.fds.firmware],
    })
    const guest = new Guest(tree, qmp, console, child, options)
    try {
      await Promise.race([qmp.ready(), guest.ended()])
    } catch (error) {
      await guest[Symbol.asyncDispose]()
      throw error
    }
    return guest
  }

  async run(): Promise<void> {
    await this.#qmp.execute('cont')
  }

  /**
   * Waits for an event that was not there before. Any output on the console shows that the guest lives and renews its time.
   * @throws ForgeError E_BOOT naming the last milestone, with the console's tail
   */
  async until<Kind extends LabEvent['kind']>(kind: Kind): Promise<Extract<LabEvent, { kind: Kind }>> {
    const { speedFactor, deadlines = bootDeadlines, timeline, signal } = this.#options
    const started = performance.now()
    return await new Promise((resolve, reject) => {
      const stops: (() => void)[] = []
      const finish = (act: () => void): void => {
        for (const stop of stops) stop()
        act()
      }
      const end = (error: ForgeError): void => { finish(() => { reject(error) }) }
      const fail = (why: string): void => { end(this.bootFailure(why)) }
      stops.push(timeline.listen((event) => {
        if (event.kind === kind) finish(() => { resolve(event as Extract<LabEvent, { kind: Kind }>) })
        else if (event.kind === 'failure' && isFatal(event.what)) fail(`${event.what}: ${event.line}`)
      }))
      const onExit = (): void => { if (this.#exit) end(this.#exit) }
      this.#onExit.add(onExit)
      stops.push(() => { this.#onExit.delete(onExit) })
      const onAbort = (): void => { end(interrupted()) }
      signal.addEventListener('abort', onAbort, { once: true })
      stops.push(() => { signal.removeEventListener('abort', onAbort) })
      const watchdog = setInterval(() => {
        const silent = performance.now() - Math.max(this.console.lastOutput, started)
        if (silent > deadlines.silenceMs * speedFactor) fail(`nothing on the console for ${seconds(silent)}`)
        else if (performance.now() - started > deadlines.totalMs * speedFactor) fail(`not there after ${seconds(performance.now() - started)}`)
      }, 500)
      stops.push(() => { clearInterval(watchdog) })
      if (signal.aborted) onAbort()
      else onExit()
    })
  }

  bootFailure(why: string): ForgeError {
    return new ForgeError('E_BOOT', `${why} (last milestone: ${this.#options.timeline.last})`, { details: this.console.tail() })
  }

  /** Pulls its plug. */
  async cut(): Promise<void> {
    await this.#tree.transit.call('stop', { child: this.#child, signal: 'SIGKILL' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree.transit.call('stop', { child: this.#child }).catch(() => undefined)
    await this.console.close()
  }

  /** Rejects when QEMU ends. @throws ForgeError E_LAB, or E_BOOT when the router powered itself off */
  async ended(): Promise<never> {
    return await new Promise((_, reject) => {
      const fail = (): void => { if (this.#exit) reject(this.#exit) }
      this.#onExit.add(fail)
      fail()
    })
  }
}

function seconds(ms: number): string {
  return `${String(Math.round(ms / 1000))} s`
}
