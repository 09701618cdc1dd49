import { kernelRelease } from '../../../../scripts/domain/kernel-release.ts'
import type { BuildRootRecipe } from '../../../../scripts/lib/build-root.ts'
import type { TargetFacts } from '../../../../scripts/pipeline/stage.ts'
import type { JoolPatch } from '../../../compile/patches.ts'
import { keyIdentity, type KernelKeyLocked } from '../../../signing/spec.ts'
import type { PlannedForAll } from '../../provider.ts'
import type { SourceKernelLocked } from './spec.ts'

export interface SourceKernelPlan extends PlannedForAll {
  provider: 'source'
  version: string
  kernelPackageVersion: string
  sources: SourceKernelLocked['sources']
  patches: SourceKernelLocked['patches']
  base: SourceKernelLocked['base']
  fragments: SourceKernelLocked['fragments']
  signing: KernelKeyLocked
  /** The key dies with this build, so Jool's modules are compiled and signed in it too. */
  withJool: boolean
  joolPatches?: readonly JoolPatch[]
  buildRoot: BuildRootRecipe
}

export function planSource(locked: SourceKernelLocked, target: TargetFacts): SourceKernelPlan {
  return {
    provider: 'source',
    release: kernelRelease(locked.release),
    version: locked.version,
    kernelPackageVersion: `${locked.version}-${String(locked.revision)}`,
    abiFixedByName: false,
    sources: locked.sources, patches: locked.patches, base: locked.base, fragments: locked.fragments,
    signing: locked.signing,
    withJool: locked.signing.policy === 'ephemeral',
    ...(locked.joolPatches ? { joolPatches: locked.joolPatches } : {}),
    buildRoot: { suite: target.suite, architecture: target.architecture, sourceDateEpoch: target.sourceDateEpoch, packages: locked.buildRoot },
  }
}

/** Digests say what patches and configurations are, a certificate says which key signs; where they lie does not matter. */
export function keyOfSource(plan: SourceKernelPlan): unknown {
  const digests = (files: readonly { sha256: string; strip?: number }[]): unknown => files.map(({ sha256, strip }) => ({ sha256, strip }))
  return {
    ...plan,
    sources: plan.sources.from === 'url' ? { sha256: plan.sources.tarball.sha256 } : plan.sources,
    patches: digests(plan.patches), fragments: digests(plan.fragments), base: typeof plan.base === 'string' ? plan.base : plan.base.sha256,
    signing: keyIdentity(plan.signing),
  }
}
