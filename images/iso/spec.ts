import { z } from 'zod'
import { lockedPackage } from '../../scripts/domain/remote-file.ts'
import { existingLocked, existingSpec } from './existing/spec.ts'
import { secureBootLocked, secureBootSpec } from './secure-boot/spec.ts'

const referenceSpec = z.strictObject({
  // Optional too, or it could not be left out where it tells kinds apart.
  kind: z.enum(['reference', 'vyos-shaped']).default('reference').optional().describe('reference: a minimal Debian of the target\'s suite that boots live; vyos-shaped: the same as a test image in VyOS\'s form: its squashfs parameters, version and checksum files, and the built Jool in one package `jool` without a service, as VyOS ships it.'),
  kernel: z.enum(['own', 'replace']).optional().describe('own: Debian\'s kernel, with `headers.provider: debian`; replace: the kernel package of the `headers` section takes its place. Default: whichever that section brings.'),
  secureBoot: secureBootSpec.optional(),
  compression: z.enum(['release', 'fast']).default('release').describe('release: zstd level 15, or VyOS\'s parameters; fast: zstd level 1, for work on the image.'),
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'a Debian package name')).default([]).describe('Further packages of the suite to install.'),
  hostname: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/).default('router').describe('Host name of the router.'),
  rootPassword: z.string().min(1).regex(/^[\x21-\x7e]+$/, 'printable ASCII without blanks').default('router').describe('Password of root on the console. No network login is installed.'),
}).describe('A router image that is made here.')
export type ReferenceSpec = z.infer<typeof referenceSpec>

/** What the router image is made of. */
export const isoSpec = z.discriminatedUnion('kind', [referenceSpec, existingSpec]).prefault({})
export type IsoSpec = z.infer<typeof isoSpec>

const referenceLocked = z.strictObject({
  /** Every package of the router but our own. */
  packages: z.array(lockedPackage),
  /** Which key signs for Secure Boot; absent where nothing is signed. */
  secureBoot: secureBootLocked.optional(),
})
export type ReferenceLocked = z.infer<typeof referenceLocked>

export const isoLocked = z.union([existingLocked, referenceLocked])
export type IsoLocked = z.infer<typeof isoLocked>
