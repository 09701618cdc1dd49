import type { JoolPatch } from '../compile/patches.ts'
import type { HeadersPlan } from '../headers/artifact.ts'
import { keyIdentity } from '../signing/spec.ts'
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
  /** The key that signs here. */
  signing?: NonNullable<ModulesLocked['signing']>
  /** The kernel refuses what is built here: it ends before anything is. */
  unsigned?: true
  /** Patches to Jool's sources, in order. */
  patches?: readonly JoolPatch[]
  /** Jool's sources are a checkout, which is compiled as it is: patches for all releases are not for it. */
  checkout?: true
  /** The modules were compiled and signed with the kernel, whose key is gone: they are only checked. */
  withKernel?: true
}

export function plan({ spec, locked, target }: PlanInput<ModulesSpec, ModulesLocked>, before: { source: SourcePlan; headers: HeadersPlan }): ModulesPlan {
  return {
    joolVersion: before.source.joolVersion,
    release: before.headers.release,
    support: supportOf(before.source.joolVersion, before.headers.release, spec),
    compileTools: before.source.tools === 'compiled',
    buildRoot: { suite: target.suite, architecture: target.architecture, sourceDateEpoch: target.sourceDateEpoch, packages: locked.buildRoot },
    ...(locked.signing ? { signing: locked.signing } : {}),
    ...(locked.unsigned ? { unsigned: true } : {}),
    ...(locked.patches ? { patches: locked.patches } : {}),
    ...(before.source.locked.provider === 'directory' ? { checkout: true } : {}),
    ...(before.headers.provider === 'source' && before.headers.withJool ? { withKernel: true } : {}),
  }
}

/** Where a key lies does not matter, and what the sources are is said by their own key. */
export function keyOf(planned: ModulesPlan): unknown {
  const { signing, checkout: _, unsigned: __, ...rest } = planned
  return signing ? { ...rest, signing: { ...signing, key: keyIdentity(signing.key) } } : rest
}
