import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RemoteFile } from '../domain/remote-file.ts'
import { aptConfiguration } from './apt-configuration.ts'
import { sha256File } from './digest.ts'
import { ForgeError, isErrno } from './errors.ts'
import type { Argv, Exec } from './exec.ts'
import type { Log } from './log.ts'
import type { Mirrors } from './mirrors.ts'

/** Where verified downloads are kept, by digest. */
export interface BlobStore {
  blobPath: (digest: string) => string
  hasBlob: (file: RemoteFile) => Promise<boolean>
  /** Moves a verified file in; a second one with the same digest changes nothing. */
  addBlob: (path: string, digest: string) => Promise<void>
}

export interface FetchContext {
  exec: Exec
  log: Log
  blobs: BlobStore
  /** Downloads happen here, then move into the blob store whole. */
  workDir: string
  mirrors: () => Promise<Mirrors>
  offline: boolean
  /** A folder with the files that `url:` names, by file name: used instead of the network. */
  mirrorDir?: string | undefined
}

export type Fetch = (files: readonly RemoteFile[]) => Promise<string[]>
/** For a URL whose file nobody has named a digest of: fetched, kept, and described for a lock to name. */
export type Take = (url: string) => Promise<RemoteFile>

const filesPerCall = 400
let serial = 0

/**
 * Local copies of files, verified by SHA-256, in the order asked. What the store has is not fetched again;
 * what arrived before a failure is kept.
 * @throws ForgeError E_OFFLINE, E_VANISHED, E_DOWNLOAD, E_DIGEST
 */
export function createFetch(context: FetchContext): Fetch {
  return async (files) => {
    const missing: RemoteFile[] = []
    const seen = new Set<string>()
    for (const file of files) {
      if (seen.has(file.sha256) || await context.blobs.hasBlob(file)) continue
      seen.add(file.sha256)
      missing.push(file)
    }
    if (missing.length > 0) await fetchMissing(missing, context)
    return files.map((file) => context.blobs.blobPath(file.sha256))
  }
}

/** @throws ForgeError E_OFFLINE, E_VANISHED, E_DOWNLOAD */
export function createTake(context: FetchContext): Take {
  return async (url) => {
    const fileName = decodeURIComponent(basename(new URL(url).pathname))
    const path = localSource({ fileName, from: { url } }, context.mirrorDir)
    if (path === undefined && context.offline) throw new ForgeError('E_OFFLINE', `${url} is needed, and --offline forbids fetching it`, { hint: 'run once without --offline' })
    const dir = join(context.workDir, `fetch-${String(++serial)}`)
    await mkdir(dir, { recursive: true })
    try {
      const copy = join(dir, 'file')
      if (path === undefined) await downloadUnknown(url, copy, dir, context)
      else await copyLocal(path, copy)
      const digest = await sha256File(copy)
      const file = { fileName, sizeBytes: await sizeOf(copy), sha256: digest, from: { url } }
      await context.blobs.addBlob(copy, digest)
      return file
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }
}

async function downloadUnknown(url: string, to: string, dir: string, { exec, log }: FetchContext): Promise<void> {
  log.step(`fetching ${url}`)
  const configuration = join(dir, 'apt.conf')
  await writeFile(configuration, await aptConfiguration(exec, {}))
  try {
    await exec(['/usr/lib/apt/apt-helper', 'download-file', url, to], { env: { APT_CONFIG: configuration }, timeoutMs: 60 * 60_000, doing: `fetch ${url}`, errorCode: 'E_DOWNLOAD', tolerated: true, hint: 'check the network, then run the command again' })
  } catch (cause) {
    if (cause instanceof ForgeError && /\b404\b|Not Found|File not found/.test(cause.details ?? '')) throw new ForgeError('E_VANISHED', `${url} is not there`, { hint: 'correct the URL', cause, ...(cause.details === undefined ? {} : { details: cause.details }) })
    throw cause
  }
}

async function fetchMissing(files: readonly RemoteFile[], context: FetchContext): Promise<void> {
  const local: [RemoteFile, string][] = []
  const remote: [RemoteFile, string][] = []
  for (const file of files) {
    const path = localSource(file, context.mirrorDir)
    if (path !== undefined) local.push([file, path])
    else remote.push([file, ''])
  }
  const first = remote[0]
  if (first && context.offline) {
    throw new ForgeError('E_OFFLINE', `${String(remote.length)} files are not in the store (the first: ${first[0].fileName}), and --offline forbids fetching them`, {
      hint: 'run once without --offline',
    })
  }
  const dir = join(context.workDir, `fetch-${String(++serial)}`)
  await mkdir(dir, { recursive: true })
  try {
    for (const [file, path] of local) await takeLocal(file, path, dir, context)
    if (first) {
      const mirrors = await context.mirrors()
      const uris = remote.map(([file]) => [file, uriOf(file, mirrors)] as const)
      for (let start = 0; start < uris.length; start += filesPerCall) await download(uris.slice(start, start + filesPerCall), dir, context)
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function localSource(file: Pick<RemoteFile, 'fileName' | 'from'>, mirrorDir: string | undefined): string | undefined {
  if (!('url' in file.from)) return undefined
  const mirrored = mirrorDir === undefined ? undefined : join(mirrorDir, file.fileName)
  if (!file.from.url.startsWith('file:')) return mirrored
  // A mirror stands for what is elsewhere; what the target names on this machine need not be in it.
  return mirrored !== undefined && existsSync(mirrored) ? mirrored : fileURLToPath(file.from.url)
}

function uriOf(file: RemoteFile, mirrors: Mirrors): string {
  return 'url' in file.from ? file.from.url : `${mirrors[file.from.archive]}/${file.from.path.split('/').map(encodeURIComponent).join('/')}`
}

async function takeLocal(file: RemoteFile, path: string, dir: string, { blobs }: FetchContext): Promise<void> {
  const copy = join(dir, file.sha256)
  await copyLocal(path, copy)
  await verify(file, copy)
  await blobs.addBlob(copy, file.sha256)
}

async function copyLocal(path: string, copy: string): Promise<void> {
  try {
    await copyFile(path, copy)
  } catch (error) {
    if (isErrno(error, 'ENOSPC')) throw error
    if (isErrno(error, 'ENOENT')) throw new ForgeError('E_VANISHED', `${basename(path)} is not there: ${path}`, { hint: 'put the file there, or correct the URL or --mirror DIR', cause: error })
    throw new ForgeError('E_VANISHED', `${basename(path)} cannot be taken from ${path}: ${error instanceof Error ? error.message : String(error)}`, { hint: 'put the file there, or correct the URL or --mirror DIR', cause: error })
  }
}

async function download(files: readonly (readonly [RemoteFile, string])[], dir: string, context: FetchContext): Promise<void> {
  const { exec, log, blobs } = context
  const total = files.reduce((sum, [file]) => sum + file.sizeBytes, 0)
  log.step(`fetching ${String(files.length)} files, ${mib(total)} MiB`)
  const configuration = join(dir, 'apt.conf')
  await writeFile(configuration, await aptConfiguration(exec, {}))
  const watcher = watchBytes(dir, total, log)
  let failure: unknown
  try {
    await exec(['/usr/lib/apt/apt-helper', 'download-file', ...files.flatMap(([file, uri]) => [uri, join(dir, file.sha256), `SHA256:${file.sha256}`])] as unknown as Argv, {
      env: { APT_CONFIG: configuration }, timeoutMs: 60 * 60_000, doing: `fetch ${String(files.length)} files`, errorCode: 'E_DOWNLOAD', tolerated: true,
      hint: 'check the network and the mirror, then run the command again: what arrived is kept',
    })
  } catch (error) {
    failure = error
  } finally {
    watcher.stop()
  }
  const absent: RemoteFile[] = []
  for (const [file] of files) {
    const path = join(dir, file.sha256)
    if (await sizeOf(path) === file.sizeBytes && await sha256File(path) === file.sha256) await blobs.addBlob(path, file.sha256)
    else absent.push(file)
  }
  const [file] = absent
  if (!file) return
  const words = failure instanceof ForgeError ? failure.details ?? '' : ''
  if (failure instanceof ForgeError && failure.code !== 'E_DOWNLOAD') throw failure
  if (/\b404\b|Not Found|File not found/.test(words)) {
    throw new ForgeError('E_VANISHED', `the mirror no longer has ${listed(absent)}`, {
      hint: 'resolve anew with --update, or use a mirror that still has the files (--debian-mirror URL)', details: words, cause: failure,
    })
  }
  if (/Hash Sum mismatch/i.test(words)) {
    throw new ForgeError('E_DIGEST', `${file.fileName} arrived with another SHA-256 than ${file.sha256}`, { hint: 'try another mirror; do not use the file', details: words, cause: failure })
  }
  throw failure instanceof Error ? failure : new ForgeError('E_DOWNLOAD', `could not fetch ${listed(absent)}`)
}

async function verify(file: RemoteFile, path: string): Promise<void> {
  const digest = await sha256File(path)
  if (digest !== file.sha256) {
    throw new ForgeError('E_DIGEST', `${file.fileName} has the SHA-256 ${digest}, expected ${file.sha256}`, { hint: 'get the file again, or correct the digest in the target if you know the file to be right' })
  }
  const size = await sizeOf(path)
  if (size !== file.sizeBytes) {
    throw new ForgeError('E_DIGEST', `${file.fileName} has ${String(size)} bytes, expected ${String(file.sizeBytes)}`, { hint: 'correct the size in the target; the digest is right' })
  }
}

function watchBytes(dir: string, total: number, log: Log): { stop: () => void } {
  const timer = setInterval(() => {
    void sumOfSizes(dir).then((done) => { log.bytes(Math.min(done, total), total) }).catch(() => undefined)
  }, 250)
  return { stop: () => { clearInterval(timer); log.bytes(total, total) } }
}

async function sumOfSizes(dir: string): Promise<number> {
  let sum = 0
  for (const name of await readdir(dir)) sum += await sizeOf(join(dir, name))
  return sum
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}

function listed(files: readonly RemoteFile[]): string {
  const names = files.slice(0, 3).map((file) => file.fileName).join(', ')
  return files.length > 3 ? `${names} and ${String(files.length - 3)} more` : names
}

function mib(bytes: number): string {
  return (bytes / 1048576).toFixed(1)
}
