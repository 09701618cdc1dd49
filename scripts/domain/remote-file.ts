import { z } from 'zod'
import type { Sha256 } from './digest.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/).transform((text) => text as Sha256)

const named = {
  fileName: z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9%+.,:@_~-]+$/, 'a plain file name'),
  sizeBytes: z.number().int().positive(),
  sha256: digest,
}

const inArchive = z.strictObject({
  archive: z.enum(['debian', 'debian-security']),
  path: z.string().regex(/^(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9%+.,:@_~/-]+$/, 'a path inside the archive'),
})

// What a lock says ends in file names and control files, so its words are held to Debian's own rules.
export const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'a Debian package name')
export const packageVersion = z.string().regex(/^(\d+:)?[0-9][A-Za-z0-9.+~-]*$/, 'a Debian version')
export const dependency = z.string().regex(/^[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?( \([<>=]{1,2} [A-Za-z0-9.+~:-]+\))?( \| [a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?( \([<>=]{1,2} [A-Za-z0-9.+~:-]+\))?)*$/, 'an item of a Depends field')

/**
 * A file that a lock names: its digest says what it is, `from` where a copy can be had.
 * `archive` is a Debian archive by role, not by host: which mirror serves it is the host's choice.
 */
export const remoteFile = z.strictObject({
  ...named,
  from: z.union([inArchive, z.strictObject({ url: z.string().regex(/^(https?|file):\/\//) })]),
})
export type RemoteFile = z.infer<typeof remoteFile>

/** A binary package in a Debian archive, at one exact version. */
export const lockedPackage = z.strictObject({
  name: packageName,
  version: packageVersion,
  architecture: z.string().regex(/^[a-z0-9-]+$/, 'a Debian architecture'),
  // Its maintainer scripts run as root: only Debian's archive will do, not any URL.
  file: z.strictObject({ ...named, from: inArchive }),
})
export type LockedPackage = z.infer<typeof lockedPackage>
