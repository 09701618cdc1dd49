import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import type { Sha256 } from '../../scripts/domain/digest.ts'
import type { JoolPatch } from '../compile/patches.ts'
import type { ModuleSigner } from '../signing/verify.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'

export type { ModulesPlan } from './plan.ts'

/** Jool's modules for one kernel, stripped and checked. Paths are relative to the artifact's folder. */
export interface ModulesArtifact {
  joolVersion: JoolVersion
  release: KernelRelease
  vermagic: string
  /** In load order. */
  modules: { name: 'jool_common' | 'jool' | 'jool_siit'; file: string; sha256: Sha256; sizeBytes: number; depends: string[] }[]
  /** The compiler's words about itself, from the modules: `GCC: (Debian 12.2.0-14) 12.2.0`; absent where they say nothing. */
  compiler?: string
  /** How many imported symbols had their CRC compared with the kernel's. */
  crcsChecked: number
  /** How many of them the router's own image confirms; absent where no image is known. */
  imageCrcsChecked?: number
  /** Patches to Jool's sources that they were compiled with, in order. */
  patches?: readonly JoolPatch[]
  /** Who signed them, read back from the signatures; absent for unsigned modules. */
  signature?: ModuleSigner
  /** Tools compiled from the same sources; absent when Debian's are used. */
  tools?: { dir: 'tools'; depends: string[] }
}
