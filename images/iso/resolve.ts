import type { HeadersLocked } from '../../kernel/headers/artifact.ts'
import type { SourceLocked } from '../../kernel/source/artifact.ts'
import { dependencyNames } from '../../scripts/lib/debian-archive.ts'
import type { ResolveDeps, ResolveInput } from '../../scripts/pipeline/stage.ts'
import type { IsoLocked, IsoSpec } from './spec.ts'

/** The reference router, beside kernel and NAT64: what a person at its console expects. */
const routerPackages = [
  '?essential', '?priority(required)', 'apt', 'ca-certificates', 'systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'procps', 'less',
  'live-boot', 'live-boot-initramfs-tools', 'initramfs-tools', 'zstd',
  'iproute2', 'iputils-ping', 'nftables', 'tcpdump', 'ethtool',
]

/** Libraries of Jool's tools when they are compiled here: known only after compiling, but always these. */
const compiledToolsDepends = ['libc6', 'libnl-3-200', 'libnl-genl-3-200', 'libxtables12']

export async function resolve({ spec, target, before }: ResolveInput<IsoSpec, { source: SourceLocked; headers: HeadersLocked }>, deps: ResolveDeps): Promise<IsoLocked> {
  const index = await deps.archive.open(target.suite, target.architecture)
  const { release, flavour } = before.headers
  const libraries = before.source.provider === 'debian' ? dependencyNames(before.source.toolsDepends.join(', ')) : compiledToolsDepends
  return {
    packages: await index.closure([
      ...routerPackages, `linux-image-${release}`, ...(flavour === undefined ? [] : [`linux-image-${flavour}`]), ...libraries, ...spec.packages,
    ]),
  }
}
