import type { Sha256 } from '../../scripts/domain/digest.ts'

export type { DebsPlan } from './plan.ts'
export { vyosPackage } from './vyos-package.ts'
export type { DebsLocked } from './spec.ts'

export interface BuiltPackage {
  name: string
  version: string
  architecture: string
  /** Relative to the artifact. */
  file: string
  sha256: Sha256
  sizeBytes: number
}

/** The packages, what belongs to them by licence, and a repository over them. Paths are relative to the artifact. */
export interface DebsArtifact {
  /** Of jool-tools and of the source; packages bound to a kernel add the kernel's version to it. */
  version: string
  packages: BuiltPackage[]
  /** The `.deb` files, `.buildinfo`, corresponding source and SOURCES.txt. */
  packagesDir: 'packages'
  /** A flat repository: `deb [signed-by=…] copy:/…/apt ./`. */
  aptDir: 'apt'
  /** Public key of a signed repository. */
  keyring?: string
}
