import type { PlanInput } from '../../scripts/pipeline/stage.ts'
import { planDebian, type DebianPlan } from './providers/debian/plan.ts'
import { keyOfIso, planIso, type IsoKernelPlan } from './providers/iso/plan.ts'
import { keyOfPackages, planPackages, type PackagesPlan } from './providers/packages/plan.ts'
import { keyOfSource, planSource, type SourceKernelPlan } from './providers/source/plan.ts'
import { keyOfTree, planTree, type TreePlan } from './providers/tree/plan.ts'
import type { HeadersLocked, HeadersSpec } from './spec.ts'

/** All providers' plans have what `PlannedForAll` says. */
export type HeadersPlan = DebianPlan | PackagesPlan | IsoKernelPlan | TreePlan | SourceKernelPlan

export function plan({ locked, target }: PlanInput<HeadersSpec, HeadersLocked>): HeadersPlan {
  switch (locked.provider) {
    case 'debian': return planDebian(locked)
    case 'packages': return planPackages(locked)
    case 'iso': return planIso(locked)
    case 'tree': return planTree(locked)
    case 'source': return planSource(locked, target)
    default: return locked satisfies never
  }
}

/** What of the plan decides the result: digests say what files are; where they lie does not matter. */
export function keyOf(planned: HeadersPlan): unknown {
  switch (planned.provider) {
    case 'debian': return planned
    case 'packages': return keyOfPackages(planned)
    case 'iso': return keyOfIso(planned)
    case 'tree': return keyOfTree(planned)
    case 'source': return keyOfSource(planned)
    default: return planned satisfies never
  }
}
