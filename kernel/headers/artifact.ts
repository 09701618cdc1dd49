import type { SigningPolicy } from '../../images/inspect/artifact.ts'
import type { Sha256 } from '../../scripts/domain/digest.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import type { ImageCrcsFile, KernelPackage, KernelSigner, SignedModules } from './provider.ts'

export type { HeadersPlan } from './plan.ts'
export type { PlannedForAll } from './provider.ts'
export type { HeadersLocked } from './spec.ts'

/** A kernel's build tree and what it says about itself; the same for every provider. */
export interface HeadersArtifact {
  provider: 'debian' | 'packages' | 'iso' | 'tree' | 'source'
  release: KernelRelease
  architecture: 'amd64'
  /** What `modinfo -F vermagic` must say of a module for this kernel. */
  vermagic: string
  /** `CONFIG_CC_VERSION_TEXT`: the compiler the kernel was built with. */
  compiler: string
  /** False: the kernel does not check symbol CRCs. */
  modversions: boolean
  /** `forced`: loads only modules signed by its own keys, by its configuration or by what the image's boot menus ask of it. */
  signing: SigningPolicy
  configSha256: Sha256
  symversSha256: Sha256
  /** Folder to be seen as /usr/src in the build root, relative to the artifact. */
  usrSrc: 'src'
  /** The build tree inside the build root, for `make -C`. */
  buildTree: string
  /** Relative paths of the two files every check reads. */
  configFile: string
  symversFile: string
  /** The compiler's command for make, where the tree does not name it itself. */
  cc?: string
  /** Absent where no image is known. */
  imageCrcs?: ImageCrcsFile
  kernelPackages?: KernelPackage[]
  signer?: KernelSigner
  signedModules?: SignedModules
}
