import { kernelRelease } from '../../../../scripts/domain/kernel-release.ts'
import type { LockedPackage } from '../../../../scripts/domain/remote-file.ts'
import type { PlannedForAll } from '../../provider.ts'
import type { DebianLocked } from './spec.ts'

export interface DebianPlan extends PlannedForAll {
  provider: 'debian'
  packages: LockedPackage[]
  kernelPackageVersion: string
}

export function planDebian(locked: DebianLocked): DebianPlan {
  return {
    provider: 'debian',
    release: kernelRelease(locked.release),
    ...(locked.flavour === undefined ? {} : { flavour: locked.flavour }),
    packages: locked.packages,
    kernelPackageVersion: locked.imageVersion,
    ...(locked.metapackageVersion === undefined ? {} : { kernelMetapackageVersion: locked.metapackageVersion }),
    abiFixedByName: true,
  }
}
