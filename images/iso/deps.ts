import type { DebsArtifact } from '../../packaging/debs/artifact.ts'
import type { RunDeps, Stored } from '../../scripts/pipeline/stage.ts'

export type IsoDeps = RunDeps<{ debs: Stored<DebsArtifact> }>
