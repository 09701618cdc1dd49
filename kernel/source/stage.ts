import type { Stage } from '../../scripts/pipeline/stage.ts'
import type { SourceArtifact } from './artifact.ts'
import { keyOf, plan, type SourcePlan } from './plan.ts'
import { resolve } from './resolve.ts'
import { run } from './run.ts'
import { sourceLocked, sourceSpec, type SourceLocked, type SourceSpec } from './spec.ts'
import { treeDigest } from './tree-digest.ts'

export const source: Stage<SourceSpec, SourceLocked, SourcePlan, SourceArtifact> = {
  name: 'source',
  title: 'get Jool\'s sources',
  reads: [],
  spec: sourceSpec,
  locked: sourceLocked,
  assets: [],
  tools: [
    { command: 'dpkg-deb', package: 'dpkg', why: 'unpacks Debian packages' },
    { command: 'gpgv', package: 'gpgv', why: 'verifies signatures' },
  ],
  resolve, plan, keyOf, run,
  isStale: async (locked) => locked.provider === 'directory' && await treeDigest(locked.path) !== locked.treeSha256,
}
