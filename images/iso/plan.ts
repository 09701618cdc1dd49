import { vyosPackage, type DebsPlan } from '../../packaging/debs/artifact.ts'
import type { HeadersPlan } from '../../kernel/headers/artifact.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { LockedPackage } from '../../scripts/domain/remote-file.ts'
import type { PlanInput, TargetFacts } from '../../scripts/pipeline/stage.ts'
import { grubConfig, isolinuxConfig } from './boot-menu.ts'
import { keyIdentity } from '../../kernel/signing/spec.ts'
import { keyOfExisting, planExisting, type ExistingPlan } from './existing/plan.ts'
import type { ExistingLocked } from './existing/spec.ts'
import type { SecureBootLocked } from './secure-boot/spec.ts'
import type { IsoLocked, IsoSpec, ReferenceLocked, ReferenceSpec } from './spec.ts'
import { planVyosShape, vyosSquashfs, type VyosShape } from './vyos-shape.ts'

export interface ReferencePlan {
  kind: 'reference'
  target: TargetFacts
  release: string
  /** replace: the kernel comes from the headers stage, not from Debian's archive. */
  kernel: 'own' | 'replace'
  /** Absent: boots only where Secure Boot is off. */
  secureBoot?: SecureBootLocked
  isoName: string
  volumeId: string
  hostname: string
  rootPassword: string
  /** From Debian's archive, all of them. */
  packages: LockedPackage[]
  /** From the repository of the debs stage, by name: what a user would type after `apt install`. */
  ownPackages: string[]
  /** A test image in VyOS's form. */
  vyosShape?: VyosShape
  /** Options of mksquashfs. */
  squashfs: readonly string[]
  isolinuxConfig: string
  grubConfig: string
}

const zstdLevel = { release: '15', fast: '1' } as const

export type IsoPlan = ReferencePlan | ExistingPlan

interface Before { headers: HeadersPlan; debs: DebsPlan }

export function plan({ target, spec, locked }: PlanInput<IsoSpec, IsoLocked>, before: Before): IsoPlan {
  // Target and lock are of one writing.
  if (spec.kind === 'existing') return planExisting({ target, spec, locked: locked as ExistingLocked }, before)
  return planReference({ target, spec, locked: locked }, before)
}

function planReference({ target, spec, locked }: PlanInput<ReferenceSpec, ReferenceLocked>, before: Before): ReferencePlan {
  const { release } = before.headers
  const vyosShaped = spec.kind === 'vyos-shaped'
  const kernel = { label: `${target.name} router (Linux ${release})`, commandLine: kernelCommandLine }
  return {
    kind: 'reference',
    target,
    release,
    kernel: before.headers.provider === 'debian' ? 'own' : 'replace',
    ...(locked.secureBoot === undefined ? {} : { secureBoot: locked.secureBoot }),
    isoName: `${target.name}-router.iso`,
    volumeId: vyosShaped ? 'VyOS' : volumeId(`NAT64_${target.name}`),
    hostname: spec.hostname,
    rootPassword: spec.rootPassword,
    packages: locked.packages,
    // Ours are for whoever injects them: this image brings its own.
    ownPackages: vyosShaped ? [] : before.debs.packages.map((pkg) => pkg.name).filter((name) => name !== vyosPackage),
    ...(vyosShaped ? { vyosShape: planVyosShape(before.debs) } : {}),
    squashfs: vyosShaped && spec.compression === 'release' ? vyosSquashfs : ['-comp', 'zstd', '-Xcompression-level', zstdLevel[spec.compression], '-b', '256K'],
    isolinuxConfig: isolinuxConfig(kernel),
    grubConfig: grubConfig(kernel),
  }
}

/** A certificate says which key signs; where the two lie does not matter. */
export function keyOf(planned: IsoPlan): unknown {
  if (planned.kind === 'existing') return keyOfExisting(planned)
  return planned.secureBoot === undefined ? planned : { ...planned, secureBoot: keyIdentity(planned.secureBoot) }
}

// Interfaces are called eth0, eth1 in the order of the slots, as on VyOS. The last console is /dev/console.
// Level 6 shows what the kernel found, without debugging: enough to see where a boot stopped.
const kernelCommandLine = 'boot=live persistence net.ifnames=0 console=tty0 console=ttyS0,115200 loglevel=6'

/** ISO 9660 volume ID: A–Z 0–9 _, at most 32 bytes (ECMA-119 §8.4.3). @throws ForgeError E_ISO */
export function volumeId(label: string): string {
  const id = label.toUpperCase().replace(/[^A-Z0-9_]/g, '_').slice(0, 32)
  if (id === '') throw new ForgeError('E_ISO', 'the volume ID is empty')
  return id
}
