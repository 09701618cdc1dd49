import type { HeadersArtifact, HeadersLocked, HeadersPlan } from '../headers/artifact.ts'
import type { SourceArtifact, SourceLocked, SourcePlan } from '../source/artifact.ts'
import { patchesChanged } from '../compile/patches.ts'
import { buildRootTools } from '../../scripts/lib/build-root.ts'
import type { Stage, Stored } from '../../scripts/pipeline/stage.ts'
import type { ModulesArtifact } from './artifact.ts'
import { foresee } from './foresee.ts'
import { keyOf, plan, type ModulesPlan } from './plan.ts'
import { resolve } from './resolve.ts'
import { run } from './run.ts'
import { modulesLocked, modulesSpec, type ModulesLocked, type ModulesSpec } from './spec.ts'

export const modules: Stage<
  ModulesSpec, ModulesLocked, ModulesPlan, ModulesArtifact,
  { source: SourceLocked; headers: HeadersLocked },
  { source: SourcePlan; headers: HeadersPlan },
  { source: Stored<SourceArtifact>; headers: Stored<HeadersArtifact> }
> = {
  name: 'modules',
  title: 'build Jool\'s modules',
  reads: ['source', 'headers'],
  spec: modulesSpec,
  locked: modulesLocked,
  assets: [],
  tools: [...buildRootTools, { command: 'openssl', package: 'openssl', why: 'signs with keys on tokens' }],
  isStale: async ({ patches = [] }) => patchesChanged(patches),
  resolve, plan, keyOf, foresee, run,
}
