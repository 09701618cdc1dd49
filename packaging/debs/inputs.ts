import type { PlannedForAll } from '../../kernel/headers/artifact.ts'
import type { ModulesArtifact, ModulesPlan } from '../../kernel/modules/artifact.ts'
import type { SourceArtifact, SourcePlan } from '../../kernel/source/artifact.ts'
import type { Stored } from '../../scripts/pipeline/stage.ts'

/** What this stage reads of the earlier stages' plans: all of its coupling to them is in this file. */
export interface PlansBefore {
  source: Pick<SourcePlan, 'joolVersion'> & Partial<Pick<SourcePlan, 'tools'>>
  headers: PlannedForAll
  modules: { buildRoot: { packages: readonly InstalledPackage[] }; patches?: readonly { name: string }[] }
}

export type InstalledPackage = Pick<ModulesPlan['buildRoot']['packages'][number], 'name' | 'version' | 'architecture'>

/** A tree as it lands on the router (`usr/bin/jool`, …), and the library dependencies of its programs (`libc6 (>= 2.34)`, …). */
export interface ToolsTree {
  dir: string
  depends: readonly string[]
}

export type SourceReference = SourceArtifact['sourceReferences'][number]

export interface ArtifactsBefore {
  source: Stored<Pick<SourceArtifact, 'srcDir' | 'tools' | 'sourceReferences'>>
  modules: Stored<{
    modules: readonly Pick<ModulesArtifact['modules'][number], 'name' | 'file' | 'sha256'>[]
    tools?: ModulesArtifact['tools']
  }>
}
