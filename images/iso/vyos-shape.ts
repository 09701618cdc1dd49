import type { DebsPlan } from '../../packaging/debs/artifact.ts'

// A test image with the reference router's content in VyOS's form. What VyOS's own build does, in its vyos-build:
// scripts/image-build (version files), data/live-build-config (links, squashfs), scripts/package-build/linux-kernel (its jool package).

export interface VyosShape {
  version: string
  /** Version of the package `jool`, that has tools and modules in one. */
  joolPackageVersion: string
}

export const vyosSquashfs: readonly string[] = ['-comp', 'xz', '-Xbcj', 'x86', '-b', '256K', '-always-use-fragments', '-no-recovery']

/** Pure. */
export function planVyosShape({ sourceDateEpoch, upstreamVersion }: Pick<DebsPlan, 'sourceDateEpoch' | 'upstreamVersion'>): VyosShape {
  const minute = new Date(sourceDateEpoch * 1000).toISOString().replace(/\D/g, '').slice(0, 12)
  return { version: `1.5-rolling-${minute}`, joolPackageVersion: `${upstreamVersion.replace(/\+.*$/, '')}+shaped-1` }
}

/** Content of version.json, in the root and on the ISO. */
export function versionJson({ version }: VyosShape, sourceDateEpoch: number): string {
  return `${JSON.stringify({
    version, built_by: 'nat64-forge', built_on: new Date(sourceDateEpoch * 1000).toISOString(), build_type: 'test-image', flavor: 'generic', architecture: 'amd64', release_train: 'current',
  })}\n`
}
