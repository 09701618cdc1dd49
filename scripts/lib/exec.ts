import { closeSync, openSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { $, quote, type ProcessPromise } from 'zx/core'
import type { ErrorCode } from './error-codes.ts'
import { ForgeError } from './errors.ts'
import type { Log } from './log.ts'

export type Argv = readonly [string, ...string[]]

export interface ExecOptions {
  cwd?: string
  /** Added to the fixed environment; the host's own variables are not passed on. */
  env?: Readonly<Record<string, string>>
  /** Written to standard input, which is empty otherwise. */
  input?: string
  /** Default 15 minutes. */
  timeoutMs?: number
  /** Standard output goes to this file instead of into memory. */
  stdoutFile?: string
  /** Every line of standard output and standard error as it comes; passwords in URLs are masked. */
  onLine?: (line: string) => void
  /** Exit statuses that are answers, not failures. Default: only 0. */
  okStatus?: readonly number[]
  /** The error to throw on failure. Default E_COMMAND. */
  errorCode?: ErrorCode
  /** What was being done, for the error: "install the packages". */
  doing?: string
  hint?: string
  /** A failure is one of the answers the caller expects: no debug shell for it. */
  tolerated?: boolean
  /** It runs programs of others: nothing is concluded from what they print, as that this host lacks something. */
  foreignWords?: boolean
  /** What it prints may hold credentials: none of it gets into the log or an error. */
  secret?: boolean
  /** In its own mount and process namespaces (needs root, or a user namespace): children and mounts die with it, however it ends. */
  contained?: boolean
  /** In a user namespace, as its root. Undefined: as whoever runs this program. */
  userNamespace?: { readonly options: readonly string[] } | undefined
}

export interface ExecResult {
  stdout: string
  stderr: string
  exitStatus: number
}

/**
 * Runs a program to its end. No shell reads the arguments; the environment is fixed (`LC_ALL=C.UTF-8`, `TZ=UTC`);
 * the program is killed with its whole process group at the deadline, on an interrupt, and when this process dies.
 * @throws ForgeError with the copy-pasteable command, its exit status and its last lines
 */
export type Exec = (argv: Argv, options?: ExecOptions) => Promise<ExecResult>

const passedOn = ['PATH', 'HOME', 'TMPDIR', 'http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE']
const tailLines = 25
const killGraceMs = 3000
/** Whoever says that a disk is full may have removed something since. */
const nearlyFullMiB = 100

export interface ExecContext {
  log: Log
  /** Aborting ends every running program. */
  signal?: AbortSignal
  /** Temporary files of the programs go here, so that a killed run leaves nothing elsewhere; in the store, with all that is large. */
  tmpDir?: string
  /** Called with a command that failed, while its surroundings still exist. */
  onFailure?: (argv: readonly string[], cwd: string | undefined, error: ForgeError) => Promise<void>
}

export function createExec(context: ExecContext): Exec {
  const { log, signal, tmpDir, onFailure } = context
  return async (argv, options = {}) => {
    if (signal?.aborted) throw interrupted()
    const environment = fixedEnvironment(tmpDir, options.env)
    const shown = shownCommand(argv, options)
    log.command(shown)

    const outFd = options.stdoutFile === undefined ? undefined : openSync(options.stdoutFile, 'w', 0o644)
    try {
      const child = $({
        prefix: 'exec ', postfix: '', shell: '/bin/bash', detached: true, nothrow: true, quiet: true, verbose: false,
        env: environment,
        stdio: [options.input === undefined ? 'ignore' : 'pipe', outFd ?? 'pipe', 'pipe'],
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.input === undefined ? {} : { input: options.input }),
      })`${[...launcher(options), ...argv]}`
      return await watch(child, options, shown, context)
    } catch (error) {
      if (error instanceof ForgeError && error.code !== 'E_INTERRUPTED' && options.tolerated !== true) await onFailure?.(argv, options.cwd, error)
      throw error
    } finally {
      if (outFd !== undefined) closeSync(outFd)
    }
  }
}

async function watch(child: ProcessPromise, options: ExecOptions, shown: string, { log, signal, tmpDir }: ExecContext): Promise<ExecResult> {
  const timeoutMs = options.timeoutMs ?? 15 * 60_000
  let ended: 'timeout' | 'interrupt' | undefined
  let killTimer: NodeJS.Timeout | undefined
  const end = (why: 'timeout' | 'interrupt'): void => {
    ended ??= why
    killGroup(child, 'SIGTERM')
    killTimer ??= setTimeout(() => { killGroup(child, 'SIGKILL') }, killGraceMs)
  }
  const deadline = setTimeout(() => { end('timeout') }, timeoutMs)
  const onAbort = (): void => { end('interrupt') }
  signal?.addEventListener('abort', onAbort, { once: true })

  const tail: string[] = []
  const logged = (line: string): void => {
    if (options.secret !== true) log.output(line)
  }
  const onLine = (line: string): void => {
    if (line.trim() !== '') {
      tail.push(line)
      if (tail.length > tailLines) tail.shift()
    }
    logged(line)
    options.onLine?.(line)
  }
  const errorLines = lineSplitter(onLine)
  const outputLines = lineSplitter(options.onLine || options.contained ? onLine : logged)
  child.stderr.on('data', errorLines.push)
  if (options.stdoutFile === undefined) child.stdout.on('data', outputLines.push)

  try {
    const output = await child
    errorLines.flush()
    outputLines.flush()
    if (ended === 'interrupt') throw interrupted()
    if (ended === 'timeout') {
      throw new ForgeError('E_TIMEOUT', `${options.doing ?? 'a program'} took longer than ${String(Math.round(timeoutMs / 1000))} s and was ended`, { details: report(shown, tail, options) })
    }
    const exitStatus = output.exitCode ?? 128
    if (!(options.okStatus ?? [0]).includes(exitStatus)) {
      if (tail.length === 0) tail.push(...output.stdout.split('\n').slice(-tailLines).map(withoutPasswords))
      throw await failure(options, shown, output.signal ? `was killed by ${output.signal}` : `exit status ${String(exitStatus)}`, tail, tmpDir)
    }
    return { stdout: options.stdoutFile === undefined ? output.stdout : '', stderr: output.stderr, exitStatus }
  } finally {
    clearTimeout(deadline)
    clearTimeout(killTimer)
    signal?.removeEventListener('abort', onAbort)
  }
}

async function failure(options: ExecOptions, shown: string, how: string, tail: readonly string[], tmpDir: string | undefined): Promise<ForgeError> {
  const details = report(shown, tail, options)
  const freeNow = tmpDir === undefined ? undefined : await freeMiB(tmpDir)
  const mayBeFull = options.foreignWords !== true || freeNow === undefined || freeNow < nearlyFullMiB
  if (mayBeFull && /no space left on device|you don't have enough free space|disk quota exceeded/i.test(tail.join('\n'))) {
    const free = freeNow === undefined ? '' : ` (${String(freeNow)} MiB free on the store's disk now)`
    return new ForgeError('E_DISK_FULL', `the disk became full while trying to ${options.doing ?? 'run a program'}${free}`, {
      hint: 'free space, or give another disk with --store DIR; `nat64-forge store gc --max-size 2G` frees the cache',
      details,
    })
  }
  if (options.foreignWords !== true && /command not found|No such file or directory/.test(tail.join('\n')) && how === 'exit status 127') {
    return new ForgeError('E_HOST_PACKAGES', `a program is not installed: ${options.secret === true ? shown : tail.at(-1) ?? shown}`, { hint: 'nat64-forge doctor' })
  }
  return new ForgeError(options.errorCode ?? 'E_COMMAND', `could not ${options.doing ?? `run ${shown.split(' ')[0] ?? ''}`}: ${how}`, {
    details, ...(options.hint === undefined ? {} : { hint: options.hint }),
  })
}

export function interrupted(): ForgeError {
  return new ForgeError('E_INTERRUPTED', 'interrupted; what was complete is kept', { hint: 'run the same command again' })
}

async function freeMiB(path: string): Promise<number> {
  try {
    const fs = await statfs(path)
    return Math.floor((fs.bavail * fs.bsize) / 1048576)
  } catch {
    return 0
  }
}

// A death signal instead of a clean-up hook: it works for kill -9 too.
function launcher({ contained, userNamespace }: ExecOptions): string[] {
  const spaces = [...userNamespace?.options ?? [], ...(contained === true ? ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'] : [])]
  return ['setpriv', '--pdeathsig', 'KILL', '--', ...(spaces.length === 0 ? [] : ['unshare', ...spaces, '--'])]
}

function fixedEnvironment(tmpDir: string | undefined, extra: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of passedOn) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  environment['PATH'] = `${environment['PATH'] ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`
  if (tmpDir !== undefined) environment['TMPDIR'] = tmpDir
  return { ...environment, LC_ALL: 'C.UTF-8', TZ: 'UTC', DEBIAN_FRONTEND: 'noninteractive', ...extra }
}

function killGroup(child: ProcessPromise, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // Already gone: nothing is left to end.
  }
}

function shownCommand(argv: Argv, options: ExecOptions): string {
  const environment = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${quote(value)}`)
  const command = [...(environment.length > 0 ? ['env', ...environment] : []), ...argv.map((word) => quote(word))].join(' ')
  // What goes in may be a password: that something does is all that is shown.
  const input = options.input === undefined ? '' : ' < /dev/stdin'
  const output = options.stdoutFile === undefined ? '' : ` > ${quote(options.stdoutFile)}`
  return withoutPasswords(`${options.cwd === undefined ? '' : `cd ${quote(options.cwd)} && `}${command}${input}${output}`)
}

/** Proxies and mirrors are written `http://user:password@host/`, and programs like to print them. */
function withoutPasswords(text: string): string {
  return text.replace(/(?<=\b[a-z][a-z0-9+.-]*:\/\/)[^\s/'"]+@/gi, '***@')
}

function report(shown: string, tail: readonly string[], { secret }: ExecOptions): string {
  return [`$ ${shown}`, ...(secret === true ? ['(what it printed may hold credentials and is not kept)'] : tail)].join('\n')
}

function lineSplitter(onLine: (line: string) => void): { push: (chunk: Buffer | string) => void; flush: () => void } {
  let rest = ''
  const say = (line: string): void => { onLine(withoutPasswords(printable(line))) }
  return {
    push: (chunk) => {
      const lines = (rest + chunk.toString()).split(/\r?\n|\r/)
      rest = lines.pop() ?? ''
      for (const line of lines) say(line)
      // Who never ends a line is not waited for.
      if (rest.length < longestLine) return
      say(rest)
      rest = ''
    },
    flush: () => {
      if (rest !== '') say(rest)
      rest = ''
    },
  }
}

const longestLine = 65_536

/** Of orders to a terminal nothing but what they would have shown: a program's words may be a stranger's. */
function printable(line: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return line.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd')
}
