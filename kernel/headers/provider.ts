import { z } from 'zod'
import type { SigningPolicy } from '../../images/inspect/artifact.ts'
import { packageName } from '../../scripts/domain/remote-file.ts'
import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { kernelSignatures } from '../signing/acceptance.ts'
import type { ResolveInput } from '../../scripts/pipeline/stage.ts'

// What all providers have in common. A provider is a folder in providers/, with the files of a stage:
// spec.ts (what a person writes, what the lock holds), resolve.ts, plan.ts, and provide.ts, which puts the build tree in place.

export const releaseText = z.string().regex(/^\d+\.\d+(\.\d+)?[A-Za-z0-9.+~_-]*$/, 'a kernel release as `uname -r` prints it')

/** What the lock says for every provider: later stages resolve by it. */
export const lockedForAll = {
  release: releaseText,
  /** The flavour of the kernel's metapackage, where it has one. */
  flavour: z.string().regex(/^[a-z0-9-]+$/, 'a kernel flavour, for example amd64').optional(),
  /** Packages that bring the compiler the kernel wants and the libraries its tools need. */
  buildDepends: z.array(packageName),
  /** The compiler's command, where the tree does not name it itself: gcc-12. */
  cc: z.string().regex(/^[a-z0-9.+-]+$/, 'a compiler\'s command').optional(),
  /** What the kernel asks of its modules' signatures, where that was read. */
  signatures: kernelSignatures.optional(),
}

/** What the plan says for every provider: later stages plan by it. */
export interface PlannedForAll {
  release: KernelRelease
  /** The flavour of the kernel's metapackage, where it has one. */
  flavour?: string
  /** Version of the package linux-image-RELEASE; absent where there is none, or where nobody knows it. */
  kernelPackageVersion?: string
  /** Version of linux-image-FLAVOUR, which points to it. */
  kernelMetapackageVersion?: string
  /** True when a kernel package's name changes whenever its ABI does (Debian). */
  abiFixedByName: boolean
  /** The compiler's command, where the tree does not name it itself: gcc-12. */
  cc?: string
}

/** What `provide` leaves for the common part, which reads the tree and says what kernel it is of. */
export interface Provided {
  /** Name of the build tree's folder in `outDir/src`, which is seen as /usr/src in the build root. */
  tree: string
  imageCrcs?: ImageCrcsFile
  /** Where the router's image says more of it than the tree. */
  signing?: SigningPolicy
  kernelPackages?: KernelPackage[]
  signer?: KernelSigner
  signedModules?: SignedModules
}

/** What the router's own image says of its kernel's symbols. */
export interface ImageCrcsFile {
  /** JSON, relative to the artifact: { symbol: [CRC, where in the image it was seen] }. */
  file: string
  /** The image's name, for messages. */
  image: string
  symbols: number
}

/** A package of the kernel itself (linux-image-…), for a router image that is to have it. */
export interface KernelPackage {
  name: string
  version: string
  /** Relative to the artifact. */
  file: string
}

/** Who signed the kernel's own modules, where they were built here. */
export interface KernelSigner {
  /** Common name and serial number of the certificate. */
  signer: string
  keyId: string
  hash: string
  /** The certificate, PEM, relative to the artifact. */
  certificate: string
}

/** Jool's modules, compiled and signed with the kernel because its key died with its build. */
export interface SignedModules {
  /** Folder with the three modules and their Module.symvers, relative to the artifact. */
  dir: string
  joolVersion: JoolVersion
}

/** A provider resolves from its section and the target alone. */
export type ProviderInput<Spec> = Omit<ResolveInput<Spec, unknown>, 'before'>
