import type { PlansBefore } from './inputs.ts'
import { substitution } from './control.ts'
import { inPackageName, sameUpstream } from './versions.ts'

export interface Relations {
  preDepends?: readonly string[]
  depends: readonly string[]
  recommends?: readonly string[]
  provides?: readonly string[]
  conflicts?: readonly string[]
  replaces?: readonly string[]
  /** `Protected: yes` (deb-control(5)): apt does not remove it to resolve a conflict, and asks twice when a person removes it. */
  protected?: true
}

type Headers = PlansBefore['headers']

/**
 * Other packages with Jool's modules in them: Debian's jool-dkms, and VyOS's jool (tools and modules in one).
 * A relation with a version does not match unversioned Provides, so two of our module packages, which both provide
 * jool-dkms, and jool-tools, which provides jool, can stand side by side.
 */
const realForeignModules = ['jool (>= 0~)', 'jool-dkms (>= 0~)']

/** jool-modules-<kernel release>. */
export function moduleRelations({ release, abiFixedByName, kernelPackageVersion }: Headers, joolVersion: string): Relations {
  const exactly = abiFixedByName || kernelPackageVersion === undefined ? '' : ` (= ${kernelPackageVersion})`
  const image = `linux-image-${inPackageName(release)}`
  return {
    depends: [
      `${image}${exactly} | ${image}-unsigned${exactly}`,
      ...sameUpstream('jool-tools', joolVersion),
      'kmod',
    ],
    provides: [`jool-modules (= ${joolVersion})`, 'jool-dkms'],
    conflicts: realForeignModules,
    replaces: realForeignModules,
  }
}

/**
 * jool-tools. It needs modules of its own version for some kernel: the virtual package jool-modules carries the Jool
 * version, so the other half of a mismatched pair can never be installed beside it.
 */
export function toolsRelations(joolVersion: string): Relations {
  return {
    depends: [substitution.toolsDepends, `jool-modules (= ${joolVersion})`],
    provides: ['jool'],
    conflicts: ['jool (>= 0~)'],
    replaces: ['jool (>= 0~)'],
  }
}

/**
 * nat64ctl. It checks and explains without any translator, so it asks for one only as strongly as apt's default does: Jool,
 * which the configuration's default engine is, or TAYGA where no module can be loaded.
 */
export const nat64ctlRelations: Relations = {
  depends: ['iproute2', 'kmod', 'procps', 'python3 (>= 3.7)'],
  // nftables for `masquerade`.
  recommends: ['jool-tools | tayga', 'nftables'],
}

/**
 * vyos-nat64. Its preinst looks at what VyOS has, so that has to be there before. Its scripts call nat64ctl's library, which goes with them.
 */
export function vyosNat64Relations(version: string): Relations {
  return { preDepends: ['vyos-1x'], depends: [`nat64ctl (= ${version})`, 'python3 (>= 3.7)'] }
}

/**
 * jool-modules-<flavour> follows linux-image-<flavour>. A newer kernel metapackage that points to another kernel release
 * breaks the dependency, so apt holds it back until the modules for it are there. `linux-latest-modules-<release>`
 * is provided by every version of Debian's metapackage that still points to this release: its own updates go through.
 *
 * The dependency alone holds for `apt upgrade`. `apt full-upgrade` weighs the two sides of a conflict and would remove
 * this package in favour of the kernel, and with it NAT64; that it is protected decides the other way.
 */
export function metapackageRelations(headers: Headers & { flavour: string; kernelMetapackageVersion: string }, modulesVersion: string): Relations {
  const { release, flavour, kernelMetapackageVersion, abiFixedByName } = headers
  const exactly = `linux-image-${flavour} (= ${kernelMetapackageVersion})`
  return {
    depends: [
      `jool-modules-${inPackageName(release)} (= ${modulesVersion})`,
      abiFixedByName ? `${exactly} | linux-latest-modules-${inPackageName(release)}` : exactly,
    ],
    protected: true,
  }
}
