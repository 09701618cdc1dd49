import type { Milestone } from '../artifact.ts'
import type { ConsoleEvent, ConsoleFailure } from './console-events.ts'

/** A guest's run, as a stream: what its console told, and what the lab saw from outside. */
export type LabEvent =
  | ConsoleEvent
  | { kind: 'network' }
  | { kind: 'module-loaded'; module: string }
  | { kind: 'first-translated-packet' }
  | { kind: 'checks-passed' }

/** Milestones in milliseconds since QEMU's start, and what went wrong on the way. */
export class Timeline {
  readonly milestones: Milestone[] = []
  #unjudged: { what: ConsoleFailure; line: string }[] = []
  readonly #started = performance.now()
  readonly #listeners = new Set<(event: LabEvent) => void>()
  #prefix = ''

  /** After a reboot everything happens again, under names of its own. */
  rebooting(): void {
    this.reached('reboot')
    this.#prefix = 'reboot: '
  }

  record(event: LabEvent): void {
    if (event.kind === 'failure') this.#unjudged.push({ what: event.what, line: event.line })
    else this.reached(event.kind)
    for (const listener of this.#listeners) listener(event)
  }

  listen(listener: (event: LabEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** The failures that the console told since this was last asked, so that each is judged, and once. */
  takeFailures(): { what: ConsoleFailure; line: string }[] {
    const failures = this.#unjudged
    this.#unjudged = []
    return failures
  }

  get last(): string {
    return this.milestones.at(-1)?.name ?? 'QEMU started'
  }

  /** The first time counts. */
  private reached(kind: string): void {
    const name = this.#prefix + kind
    if (this.milestones.some((milestone) => milestone.name === name)) return
    this.milestones.push({ name, ms: Math.round(performance.now() - this.#started) })
  }
}
