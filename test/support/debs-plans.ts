import { planDebs, type DebsPlan } from '../../packaging/debs/plan.ts'
import { debsSpec } from '../../packaging/debs/spec.ts'
import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import { kernelRelease } from '../../scripts/domain/kernel-release.ts'
import type { Suite } from '../../scripts/domain/suite.ts'

export interface Kernel {
  release: string
  version: string
  flavour?: string | undefined
  abiFixedByName?: boolean
}

/** Debian 12's kernel at one moment. */
export const kernel56: Kernel = { release: '6.1.0-56-amd64', version: '6.1.192-2', flavour: 'amd64' }
/** The same ABI, a newer package. */
export const kernel56Update: Kernel = { ...kernel56, version: '6.1.192-3' }
/** A newer ABI. */
export const kernel57: Kernel = { release: '6.1.0-57-amd64', version: '6.1.200-1', flavour: 'amd64' }
export const kernel58: Kernel = { release: '6.1.0-58-amd64', version: '6.1.210-1', flavour: 'amd64' }
export const vyos: Kernel = { release: '6.6.54-vyos', version: '6.6.54-1', abiFixedByName: false }

/** 2026-01-01 00:00:00 UTC. */
export const epoch = 1_767_225_600

export function plansFor(kernel: Kernel, options: { jool?: string; revision?: number; maintainer?: string; suite?: Suite; patches?: readonly string[] } = {}): DebsPlan {
  const { release, version, flavour, abiFixedByName = true } = kernel
  return planDebs({
    target: { name: 'test', suite: options.suite ?? 'bookworm', architecture: 'amd64', sourceDateEpoch: epoch },
    spec: debsSpec.parse({
      ...(options.revision === undefined ? {} : { revision: options.revision }),
      ...(options.maintainer === undefined ? {} : { maintainer: options.maintainer }),
    }),
    locked: {},
  }, {
    source: { joolVersion: (options.jool ?? '4.1.13') as JoolVersion },
    headers: {
      release: kernelRelease(release), kernelPackageVersion: version, abiFixedByName,
      ...(flavour === undefined ? {} : { flavour, kernelMetapackageVersion: version }),
    },
    modules: {
      buildRoot: { packages: [{ name: 'gcc-12', version: '12.2.0-14', architecture: 'amd64' }] },
      ...(options.patches === undefined ? {} : { patches: options.patches.map((name) => ({ name })) }),
    },
  })
}
