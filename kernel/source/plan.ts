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
