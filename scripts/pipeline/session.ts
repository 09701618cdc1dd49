import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { debianArchive, type DebianArchive } from '../lib/debian-archive.ts'
import { createExec, type Exec } from '../lib/exec.ts'
import { createFetch, createTake, type Fetch, type FetchContext, type Take } from '../lib/fetch.ts'
import { createLog, type Log, type LogEvent } from '../lib/log.ts'
import { hostMirrors, type MirrorOptions, type Mirrors } from '../lib/mirrors.ts'
import type { StageName } from '../domain/stage-name.ts'
import { ForgeError } from '../lib/errors.ts'
import { fromFileSystem, Store } from './store.ts'

export interface SessionOptions {
  storeDir: string
  outDir: string
  projectDir: string
  mirrors: MirrorOptions
  /** A folder instead of the network for files that a target names by URL. */
  mirrorDir?: string | undefined
  offline: boolean
  keepWorkdir: boolean
  jobs: number
  signal: AbortSignal
  emit: (event: LogEvent) => void
  /** Called with a command that failed, before the error is thrown (`--debug-shell`). */
  onCommandFailed?: ((argv: readonly string[], cwd: string | undefined, error: ForgeError) => Promise<void>) | undefined
}

/** One run of the program: its store, and the doors to processes, network and log that it hands to stages. */
export class Session implements AsyncDisposable {
  readonly options: SessionOptions
  readonly store: Store
  readonly log: Log
  readonly exec: Exec
  readonly fetch: Fetch
  readonly take: Take
  readonly archive: DebianArchive

  private constructor(options: SessionOptions, store: Store) {
    this.options = options
    this.store = store
    this.log = createLog(options.emit)
    this.exec = this.execFor(this.log)
    this.fetch = this.fetchFor(this.log, this.exec)
    this.take = createTake(this.#fetchContext(this.log, this.exec))
    this.archive = debianArchive({ exec: this.exec, log: this.log, dir: store.workDir, mirrors: () => this.#mirrors() })
  }

  static async open(options: SessionOptions): Promise<Session> {
    try {
      const store = await Store.open(options.storeDir, options.signal)
      await mkdir(join(store.workDir, 'tmp'))
      return new Session(options, store)
    } catch (error) {
      throw fromFileSystem(error, options.storeDir)
    }
  }

  execFor(log: Log): Exec {
    const { signal, onCommandFailed } = this.options
    return createExec({ log, signal, tmpDir: join(this.store.workDir, 'tmp'), ...(onCommandFailed ? { onFailure: onCommandFailed } : {}) })
  }

  fetchFor(log: Log, exec: Exec): Fetch {
    return createFetch(this.#fetchContext(log, exec))
  }

  #fetchContext(log: Log, exec: Exec): FetchContext {
    return { exec, log, blobs: this.store, workDir: this.store.workDir, mirrors: () => this.#mirrors(), offline: this.options.offline, mirrorDir: this.options.mirrorDir }
  }

  logFor(stage: StageName, alsoTo: (event: LogEvent) => void): Log {
    return createLog((event) => {
      alsoTo(event)
      this.options.emit(event)
    }, stage)
  }

  #mirrorsOnce: Promise<Mirrors> | undefined

  #mirrors(): Promise<Mirrors> {
    if (this.options.offline) throw new ForgeError('E_OFFLINE', 'the package index is needed, and --offline forbids reading it', { hint: 'run once without --offline, or give a lock with --locked FILE' })
    this.#mirrorsOnce ??= hostMirrors(this.exec, this.options.mirrors)
    return this.#mirrorsOnce
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const kept = await this.store.close(this.options.keepWorkdir)
    if (kept !== undefined) this.log.note(`the scratch folder is kept: ${kept}`)
  }
}
