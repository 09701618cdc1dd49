import { z } from 'zod'
import type { Sha256 } from './digest.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/).transform((text) => text as Sha256)

/**
 * A file that a lock names: its digest says what it is, `from` where a copy can be had.
 * `archive` is a Debian archive by role, not by host: which mirror serves it is the host's choice.
 */
export const remoteFile = z.strictObject({
  fileName: z.string().regex(/^[A-Za-z0-9%+.,:@_~-]+$/),
  sizeBytes: z.number().int().positive(),
  sha256: digest,
  from: z.union([
    z.strictObject({ archive: z.enum(['debian', 'debian-security']), path: z.string() }),
    z.strictObject({ url: z.string() }),
  ]),
})
export type RemoteFile = z.infer<typeof remoteFile>

/** A binary package in a Debian archive, at one exact version. */
export const lockedPackage = z.strictObject({
  name: z.string(),
  version: z.string(),
  architecture: z.string(),
  file: remoteFile,
})
export type LockedPackage = z.infer<typeof lockedPackage>
