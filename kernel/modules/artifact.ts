import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import type { Sha256 } from '../../scripts/domain/digest.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'

export type { ModulesPlan } from './plan.ts'

/** Jool's modules for one kernel, stripped and checked. Paths are relative to the artifact's folder. */
export interface ModulesArtifact {
  joolVersion: JoolVersion
  release: KernelRelease
  vermagic: string
  /** In load order. */
  modules: { name: 'jool_common' | 'jool' | 'jool_siit'; file: string; sha256: Sha256; sizeBytes: number; depends: string[] }[]
  /** How many imported symbols had their CRC compared with the kernel's. */
  crcsChecked: number
  /** Tools compiled from the same sources; absent when Debian's are used. */
  tools?: { dir: 'tools'; depends: string[] }
}
