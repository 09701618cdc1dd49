import { z } from 'zod'
import { lockedPackage, packageVersion } from '../../../../scripts/domain/remote-file.ts'
import { lockedForAll, releaseText } from '../../provider.ts'

// Debian's kernel, from the packages linux-headers-* and linux-kbuild-* of the archive.

export const debianSpec = z.strictObject({
  provider: z.literal('debian'),
  flavour: z.string().regex(/^[a-z0-9-]+$/, 'a kernel flavour, for example amd64').optional().describe('The kernel metapackage to follow, for example amd64 or cloud-amd64. Default: amd64.'),
  backports: z.boolean().optional().describe('True: the kernel of the suite\'s backports.'),
  release: releaseText.optional().describe('An exact kernel release, for example 6.1.0-56-amd64, instead of the flavour\'s newest.'),
}).refine((spec) => spec.flavour === undefined || spec.release === undefined, { error: 'give a flavour or an exact release, not both', path: ['release'] })
  .describe('Debian\'s kernel of the target\'s suite.')
export type DebianSpec = z.infer<typeof debianSpec>

export const debianLocked = z.strictObject({
  provider: z.literal('debian'),
  ...lockedForAll,
  /** linux-headers-*, linux-kbuild-*: what the build tree is made of. */
  packages: z.array(lockedPackage),
  /** The kernel is in the suite's backports. */
  backports: z.literal(true).optional(),
  /** Version of linux-image-RELEASE. */
  imageVersion: packageVersion,
  /** Version of linux-image-FLAVOUR, which points to it. */
  metapackageVersion: packageVersion.optional(),
})
export type DebianLocked = z.infer<typeof debianLocked>
