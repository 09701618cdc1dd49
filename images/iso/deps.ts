import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import type { DebsArtifact } from '../../packaging/debs/artifact.ts'
import type { RunDeps, Stored } from '../../scripts/pipeline/stage.ts'

export type IsoDeps = RunDeps<{
  debs: Stored<DebsArtifact>
  /** Only where the image's kernel is replaced. */
  headers?: Stored<HeadersArtifact>
}>
