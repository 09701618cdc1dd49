import { z } from 'zod'
import { lockedPackage, packageName, packageVersion } from '../../scripts/domain/remote-file.ts'

const release = z.string().regex(/^\d+\.\d+(\.\d+)?[A-Za-z0-9.+~_-]*$/, 'a kernel release as `uname -r` prints it')

const flavour = z.string().regex(/^[a-z0-9-]+$/, 'a kernel flavour, for example amd64')

/** Where the kernel's build tree comes from. */
export const headersSpec = z.discriminatedUnion('provider', [
  z.strictObject({
    provider: z.literal('debian'),
    flavour: flavour.optional().describe('The kernel metapackage to follow, for example amd64 or cloud-amd64. Default: amd64.'),
    release: release.optional().describe('An exact kernel release, for example 6.1.0-56-amd64, instead of the flavour\'s newest.'),
  }).refine((spec) => spec.flavour === undefined || spec.release === undefined, { error: 'give a flavour or an exact release, not both', path: ['release'] })
    .describe('Debian\'s kernel of the target\'s suite.'),
]).prefault({ provider: 'debian' })
export type HeadersSpec = z.infer<typeof headersSpec>

export const headersLocked = z.discriminatedUnion('provider', [
  z.strictObject({
    provider: z.literal('debian'),
    release,
    /** The metapackage's flavour; absent for an exact release. */
    flavour: flavour.optional(),
    /** linux-headers-*, linux-kbuild-*: what the build tree is made of. */
    packages: z.array(lockedPackage),
    /** Version of linux-image-RELEASE. */
    imageVersion: packageVersion,
    /** Version of linux-image-FLAVOUR, which points to it. */
    metapackageVersion: packageVersion.optional(),
    /** Packages that bring the compiler the kernel wants and the libraries its tools need. */
    buildDepends: z.array(packageName),
  }),
])
export type HeadersLocked = z.infer<typeof headersLocked>
