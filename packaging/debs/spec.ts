import { z } from 'zod'

const maintainer = z.string().regex(/^[^<>\n]+ <[^<>@\s]+@[^<>@\s]+>$/, 'a maintainer is written "Name <mail@host>"')

/** What a person writes under `debs:` in a target. */
export const debsSpec = z.strictObject({
  maintainer: maintainer.default('nat64-forge <nat64-forge@localhost>')
    .describe('Who stands for the packages: "Name <mail@host>"'),
  revision: z.number().int().min(1).max(9999).default(1)
    .describe('Raise it to publish new packages of the same Jool version'),
  signing: z.strictObject({
    key: z.string().min(1).describe('File with an OpenPGP secret key without a passphrase; relative to the target file'),
  }).optional().describe('Signs the apt repository'),
}).prefault({})
export type DebsSpec = z.infer<typeof debsSpec>

/** What the lock holds: which key signs. The key itself stays where it is. */
export const debsLocked = z.strictObject({
  signing: z.strictObject({
    keyFile: z.string(),
    /** OpenPGP fingerprint of the primary key, 40 upper-case hexadecimal digits (64 for version 5 keys). */
    fingerprint: z.string().regex(/^([0-9A-F]{40}|[0-9A-F]{64})$/),
  }).optional(),
})
export type DebsLocked = z.infer<typeof debsLocked>
