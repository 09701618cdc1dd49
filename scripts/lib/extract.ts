import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as tar from 'tar'
import { ForgeError, isErrno } from './errors.ts'

export interface ExtractLimits {
  /** Sum of the files' sizes. */
  maxBytes: number
  maxEntries: number
}

/** Far above any release of Jool (2 MB, 600 files), far below what hurts a build machine. */
export const sourceLimits: ExtractLimits = { maxBytes: 256 * 1048576, maxEntries: 50_000 }

/** Debian's kernel headers are 120 MB in 20,000 files. */
export const headersLimits: ExtractLimits = { maxBytes: 2048 * 1048576, maxEntries: 200_000 }

export interface ExtractOptions {
  limits: ExtractLimits
  /** Leading path components to drop. */
  strip?: number
  /** Only entries at or below these paths, or those it says yes to (without leading `./`). */
  only?: readonly string[] | ((path: string) => boolean)
}

/**
 * Unpacks a tar archive (plain or gzip) into a new folder. The whole archive is looked at before the first byte is
 * written: one bad entry refuses all of it.
 * @throws ForgeError E_DISK_FULL, E_ARCHIVE for absolute paths, `..`, links that leave the folder, devices, too much data, damage
 */
export async function extractTar(file: string, dir: string, options: ExtractOptions): Promise<void> {
  const wanted = wantedPaths(options.only)
  await inspectTar(file, options, wanted)
  await mkdir(dir, { recursive: true })
  try {
    await tar.extract({
      file, cwd: dir, strict: true, preserveOwner: false, noMtime: false, umask: 0o022,
      ...(options.strip === undefined ? {} : { strip: options.strip }),
      filter: (path, entry) => {
        // Nothing unpacked here is run with another's rights.
        if (entry instanceof tar.ReadEntry && entry.mode !== undefined) entry.mode &= 0o777
        return wanted(path)
      },
    })
  } catch (error) {
    throw damaged(file, error)
  }
}

function wantedPaths(only: ExtractOptions['only']): (path: string) => boolean {
  if (only === undefined) return () => true
  if (typeof only === 'function') return (path) => only(cleanPath(path))
  return (path) => only.some((prefix) => cleanPath(path) === prefix || cleanPath(path).startsWith(`${prefix}/`))
}

async function inspectTar(file: string, options: ExtractOptions, wanted: (path: string) => boolean): Promise<void> {
  let bytes = 0
  let entries = 0
  let problem: ForgeError | undefined
  const parser = new tar.Parser({
    strict: true,
    onReadEntry: (entry) => {
      entries += 1
      bytes += entry.size
      // What is not unpacked still counts, but may be of any type: packages hold absolute links elsewhere.
      problem ??= problemOf(entry, entries, bytes, file, options, wanted(entry.path))
      entry.resume()
    },
  })
  const read = createReadStream(file, { highWaterMark: 1 << 20 })
  parser.on('abort', (error: Error) => { problem ??= damaged(file, error) })
  try {
    await pipeline(read, async (source) => {
      for await (const chunk of source) {
        if (problem) break
        parser.write(chunk as Buffer)
      }
      if (!problem) await new Promise<void>((done, fail) => {
        parser.on('end', () => { done() })
        parser.on('error', fail)
        parser.end()
      })
    })
  } catch (error) {
    throw problem ?? damaged(file, error)
  }
  if (problem) throw problem
  if (entries === 0) throw damaged(file, new Error('no entries'))
}

function problemOf(entry: tar.ReadEntry, entries: number, bytes: number, file: string, { limits, strip = 0 }: ExtractOptions, wanted: boolean): ForgeError | undefined {
  const refuse = (why: string): ForgeError => new ForgeError('E_ARCHIVE', `${file}: "${entry.path}" ${why}; nothing was unpacked`, { hint: 'get the archive again from a source you trust' })
  if (entries > limits.maxEntries) return refuse(`is entry ${String(entries)}, more than the ${String(limits.maxEntries)} that are plausible`)
  if (bytes > limits.maxBytes) return refuse(`brings the archive above ${String(limits.maxBytes / 1048576)} MiB`)
  if (escapes(entry.path)) return refuse('lies outside the folder')
  if (!wanted) return undefined
  switch (entry.type) {
    case 'File': case 'OldFile': case 'ContiguousFile': case 'Directory': case 'GNUDumpDir':
      return undefined
    case 'SymbolicLink':
      return linkEscapes(entry.path.split('/').slice(strip).join('/'), entry.linkpath ?? '')
        ? refuse(`links to "${entry.linkpath ?? ''}" outside the folder`) : undefined
    case 'Link':
      return escapes(entry.linkpath ?? '') ? refuse(`links to "${entry.linkpath ?? ''}" outside the folder`) : undefined
    default:
      return refuse(`is a ${entry.type}`)
  }
}

/**
 * Nothing is written through a link, so a link's own folder is a real one and leading `..` mean what they say;
 * `..` behind a name may climb from wherever another link leads.
 */
function linkEscapes(path: string, target: string): boolean {
  return target.startsWith('/') || /(^|\/)(?!\.\.?(\/|$))[^/]+\/(.*\/)?\.\.(\/|$)/.test(target) || escapes(posix.join(posix.dirname(path), target))
}

function escapes(path: string): boolean {
  return path.startsWith('/') || cleanPath(path).split('/')[0] === '..'
}

function cleanPath(path: string): string {
  return posix.normalize(path).replace(/^\.\//, '').replace(/\/$/, '')
}

function damaged(file: string, cause: unknown): ForgeError {
  if (cause instanceof ForgeError) return cause
  if (isErrno(cause, 'ENOSPC')) return new ForgeError('E_DISK_FULL', `the disk became full while unpacking ${file}`, { hint: 'free space, or give another disk with --store DIR; `nat64-forge store gc --max-size 2G` frees the cache', cause })
  return new ForgeError('E_ARCHIVE', `${file} is damaged or not a tar archive: ${cause instanceof Error ? cause.message : String(cause)}`, { hint: 'get the archive again', cause })
}
