import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import type { SourceReference } from './spec.ts'

export type { SourcePlan } from './plan.ts'
export type { SourceLocked, SourceReference } from './spec.ts'

/** Jool's sources, unpacked and verified. Paths are relative to the artifact's folder. */
export interface SourceArtifact {
  joolVersion: JoolVersion
  /** The tree whose `src/mod` holds the modules. */
  srcDir: 'src'
  /** Debian's compiled tools; absent when they are compiled here from `srcDir`. */
  tools?: {
    /** A tree with usr/bin, usr/lib, usr/share. */
    dir: 'tools'
    /** Items of a `Depends` field, as Debian wrote them. */
    depends: string[]
    /** The files of the source package they were built from, if the mirror had them; relative paths. */
    sourceFiles: string[]
  }
  sourceReferences: SourceReference[]
}
