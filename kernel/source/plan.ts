import { joolVersion, type JoolVersion } from '../../scripts/domain/jool-version.ts'
import type { PlanInput } from '../../scripts/pipeline/stage.ts'
import type { SourceLocked, SourceSpec } from './spec.ts'

export interface SourcePlan {
  joolVersion: JoolVersion
  /** Where the userspace tools come from: Debian's package, or compiled with the modules. */
  tools: 'debian' | 'compiled'
  locked: SourceLocked
}

export function plan({ locked }: PlanInput<SourceSpec, SourceLocked>): SourcePlan {
  return { joolVersion: joolVersion(locked.joolVersion), tools: locked.provider === 'debian' ? 'debian' : 'compiled', locked }
}

/** Digests say what the sources are; where they lie on this machine does not matter. */
export function keyOf(plan: SourcePlan): unknown {
  switch (plan.locked.provider) {
    case 'debian': return plan
    case 'upstream': return { ...plan, locked: { joolVersion: plan.locked.joolVersion, sha256: plan.locked.tarball.sha256, signature: plan.locked.signature?.sha256, keyring: plan.locked.signature?.keyringSha256 } }
    case 'directory': return { ...plan, locked: { joolVersion: plan.locked.joolVersion, treeSha256: plan.locked.treeSha256 } }
    default: return plan.locked satisfies never
  }
}
