import { kernelRelease } from '../../../../scripts/domain/kernel-release.ts'
import type { PlannedForAll } from '../../provider.ts'
import type { TreeLocked } from './spec.ts'

export interface TreePlan extends PlannedForAll {
  provider: 'tree'
  path: string
  treeSha256: string
}

export function planTree({ release, cc, path, treeSha256, packageVersion }: TreeLocked): TreePlan {
  return {
    provider: 'tree', release: kernelRelease(release), path, treeSha256,
    ...(packageVersion === undefined ? {} : { kernelPackageVersion: packageVersion }),
    abiFixedByName: false,
    ...(cc === undefined ? {} : { cc }),
  }
}

/** The digest says what the tree is; where it lies does not matter. */
export function keyOfTree({ path: _, ...plan }: TreePlan): unknown {
  return plan
}
