import type { HeadersPlan } from '../headers/artifact.ts'
import type { SourcePlan } from '../source/artifact.ts'
import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import type { BuildRootRecipe } from '../../scripts/lib/build-root.ts'
import type { PlanInput } from '../../scripts/pipeline/stage.ts'
import { supportOf, type Support } from './support.ts'
import type { ModulesLocked, ModulesSpec } from './spec.ts'

export interface ModulesPlan {
  joolVersion: JoolVersion
  release: KernelRelease
  support: Support
  compileTools: boolean
  buildRoot: BuildRootRecipe
}

export function plan({ locked, target }: PlanInput<ModulesSpec, ModulesLocked>, before: { source: SourcePlan; headers: HeadersPlan }): ModulesPlan {
  return {
    joolVersion: before.source.joolVersion,
    release: before.headers.release,
    support: supportOf(before.source.joolVersion, before.headers.release),
    compileTools: before.source.tools === 'compiled',
    buildRoot: { suite: target.suite, architecture: target.architecture, sourceDateEpoch: target.sourceDateEpoch, packages: locked.buildRoot },
  }
}
