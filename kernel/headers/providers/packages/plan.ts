import { kernelRelease } from '../../../../scripts/domain/kernel-release.ts'
import type { LockedDeb } from '../../given-deb.ts'
import type { PlannedForAll } from '../../provider.ts'
import type { PackagesLocked } from './spec.ts'

export interface PackagesPlan extends PlannedForAll {
  provider: 'packages'
  headers: LockedDeb[]
  image?: LockedDeb
}

export function planPackages({ release, cc, headers, image }: PackagesLocked): PackagesPlan {
  // One kernel build gives all its packages one version.
  const version = (image ?? headers[0])?.version
  return {
    provider: 'packages', release: kernelRelease(release), headers,
    ...(image === undefined ? {} : { image }),
    ...(version === undefined ? {} : { kernelPackageVersion: version }),
    abiFixedByName: false,
    ...(cc === undefined ? {} : { cc }),
  }
}

/** Digests say what the packages are; where they lie does not matter. */
export function keyOfPackages(plan: PackagesPlan): unknown {
  return { ...plan, headers: plan.headers.map(({ file }) => file.sha256), image: plan.image?.file.sha256 }
}
