import { kernelRelease } from '../../../../scripts/domain/kernel-release.ts'
import type { LockedDeb } from '../../given-deb.ts'
import type { PlannedForAll } from '../../provider.ts'
import type { IsoKernelLocked } from './spec.ts'

export interface IsoKernelPlan extends PlannedForAll {
  provider: 'iso'
  iso: IsoKernelLocked['iso']
  headers: LockedDeb[]
}

export function planIso({ release, cc, iso, headers, imageVersion }: IsoKernelLocked): IsoKernelPlan {
  return {
    provider: 'iso', release: kernelRelease(release), iso, headers,
    ...(imageVersion === undefined ? {} : { kernelPackageVersion: imageVersion }),
    abiFixedByName: false,
    ...(cc === undefined ? {} : { cc }),
  }
}

/** Digests say what image and packages are; where they lie does not matter. */
export function keyOfIso(plan: IsoKernelPlan): unknown {
  return { ...plan, headers: plan.headers.map(({ file }) => file.sha256), iso: plan.iso.sha256 }
}
