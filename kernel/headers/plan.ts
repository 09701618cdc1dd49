import { kernelRelease, type KernelRelease } from '../../scripts/domain/kernel-release.ts'
import type { LockedPackage } from '../../scripts/domain/remote-file.ts'
import type { PlanInput } from '../../scripts/pipeline/stage.ts'
import type { HeadersLocked, HeadersSpec } from './spec.ts'

export interface HeadersPlan {
  provider: 'debian'
  release: KernelRelease
  flavour?: string
  packages: LockedPackage[]
  kernelPackageVersion: string
  kernelMetapackageVersion?: string
  /** True when a kernel package's name changes whenever its ABI does (Debian). */
  abiFixedByName: boolean
}

export function plan({ locked }: PlanInput<HeadersSpec, HeadersLocked>): HeadersPlan {
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
