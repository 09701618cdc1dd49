import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { sha256 } from '../domain/digest.ts'
import { remoteFile, type RemoteFile } from '../domain/remote-file.ts'
import { sha256File } from './digest.ts'
import { expectEqual, ForgeError } from './errors.ts'
import type { ErrorCode } from './error-codes.ts'

// Files that a person names in a target, by path or by URL and digest, rather than files of Debian's archive.

type FileByUrlSchema = z.ZodObject<{ url: z.ZodString; sizeBytes: z.ZodNumber; sha256: z.ZodString }, z.core.$strict>

/** What a target says of a file that is elsewhere. `what` it is, in a word for people. */
export function fileByUrl(ending: string, what: string): FileByUrlSchema {
  return z.strictObject({
    url: z.string().regex(new RegExp(`^(https?|file)://.*/(?:[A-Za-z0-9+.,:@_~-]|%(?:2[BCbc]|3[Aa]|40|7[Ee]))+\\.${ending}$`), `an http:, https: or file: URL of a .${ending}, with a name of letters, digits and +.,:@_~-`).describe(`Where the ${what} can be had.`),
    sizeBytes: z.number().int().positive().describe('Its size in bytes.'),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256: 64 hexadecimal digits, lower case').describe(`SHA-256 of the ${what}.`),
  })
}
export type FileByUrl = z.infer<FileByUrlSchema>

export function remoteFileOf({ url, sizeBytes, sha256: digest }: FileByUrl): RemoteFile {
  return { fileName: decodeURIComponent(basename(new URL(url).pathname)), sizeBytes, sha256: sha256(digest), from: { url } }
}

/** A file of this machine that is used where it lies: too large to copy. `name` is for messages. */
const fileInPlace = z.strictObject({ path: z.string(), name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })

/** What a lock says of a large file: used where it lies, or fetched. */
export const lockedFile = z.union([fileInPlace, remoteFile])
export type LockedFile = z.infer<typeof lockedFile>

interface LockFileDeps {
  /** Relative paths start here. */
  targetDir: string
  /** Where in the target the file is named, for messages: iso.from. */
  key: string
  errorCode: ErrorCode
}

/** The digest of a file that is named by path; of one by URL the target says it. @throws ForgeError with `errorCode` */
export async function lockGivenFile(given: string | FileByUrl, { targetDir, key, errorCode }: LockFileDeps): Promise<LockedFile> {
  if (typeof given !== 'string') return remoteFileOf(given)
  const path = resolve(targetDir, given)
  const unreadable = (why: string, cause?: unknown): ForgeError => new ForgeError(errorCode, `${path} cannot be read: ${why}`, { hint: `correct ${key} in the target; it is relative to the target file`, cause })
  const found = await stat(path).catch((cause: unknown) => { throw unreadable(cause instanceof Error ? cause.message : String(cause), cause) })
  if (!found.isFile()) throw unreadable('it is not a file')
  return { path, name: basename(path), sha256: await sha256File(path).catch((cause: unknown) => { throw unreadable(cause instanceof Error ? cause.message : String(cause), cause) }) }
}

/** Where the file is, with exactly the bytes of the lock. @throws ForgeError E_LOCK_STALE, and as fetching does */
export async function placeOf(file: LockedFile, { fetch }: { fetch: (files: readonly RemoteFile[]) => Promise<string[]> }): Promise<string> {
  if ('from' in file) {
    const [path] = await fetch([file])
    if (path === undefined) throw new ForgeError('E_BUG', `no local copy of ${file.fileName}`)
    return path
  }
  const digest = await sha256File(file.path).catch((cause: unknown) => { throw new ForgeError('E_LOCK_STALE', `${file.path} is gone since the lock was written`, { hint: 'put it back, or resolve anew with --update', cause }) })
  expectEqual(digest, file.sha256, 'E_LOCK_STALE', `the digest of ${file.path}`, 'it changed since the lock was written: resolve anew with --update')
  return file.path
}

/** True when a file of this machine has other bytes now. One that is gone shows when it is needed. */
export async function fileChanged(file: LockedFile): Promise<boolean> {
  if ('from' in file) return false
  const now = await sha256File(file.path).catch(() => undefined)
  return now !== undefined && now !== file.sha256
}

/** What to call it. */
export function nameOf(file: LockedFile): string {
  return 'from' in file ? file.fileName : file.name
}
