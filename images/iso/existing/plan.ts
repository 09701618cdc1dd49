import type { HeadersPlan } from '../../../kernel/headers/artifact.ts'
import type { DebsPlan } from '../../../packaging/debs/artifact.ts'
import type { LockedPackage } from '../../../scripts/domain/remote-file.ts'
import type { LockedFile } from '../../../scripts/lib/given-file.ts'
import type { PlanInput, TargetFacts } from '../../../scripts/pipeline/stage.ts'
import type { ExistingLocked, ExistingSpec } from './spec.ts'

export interface ExistingPlan {
  kind: 'existing'
  target: TargetFacts
  release: string
  kernel: 'own' | 'replace'
  isoName: string
  from: LockedFile
  mode: ExistingSpec['mode']
  /** From Debian's archive: what is installed, and what may be needed. */
  packages: LockedPackage[]
  /** Of these the ones that are installed in any case, by name. */
  further: string[]
  /** From the repository of the debs stage, by name. */
  ownPackages: string[]
  script?: LockedFile
}

/** Pure. */
export function planExisting({ target, spec, locked }: PlanInput<ExistingSpec, ExistingLocked>, before: { headers: HeadersPlan; debs: DebsPlan }): ExistingPlan {
  return {
    kind: 'existing', target, release: before.headers.release, kernel: spec.kernel, isoName: `${target.name}-router.iso`, from: locked.from, mode: spec.mode,
    packages: locked.packages, further: spec.packages, ownPackages: before.debs.packages.map(({ name }) => name),
    ...(locked.script === undefined ? {} : { script: locked.script }),
  }
}

/** Digests say what files are; where they lie does not matter. */
export function keyOfExisting(plan: ExistingPlan): unknown {
  return { ...plan, from: plan.from.sha256, packages: plan.packages.map(({ file }) => file.sha256), ...(plan.script === undefined ? {} : { script: plan.script.sha256 }) }
}
