import { z } from 'zod'
import type { HeadersPlan } from '../../kernel/headers/artifact.ts'
import type { SourcePlan } from '../../kernel/source/artifact.ts'
import type { Stage, Stored } from '../../scripts/pipeline/stage.ts'
import type { IsoArtifact, IsoLocked, IsoPlan } from '../iso/artifact.ts'
import type { SmokeArtifact } from './artifact.ts'
import { planSmoke, requirePassword, type SmokePlan } from './plan.ts'
import { refuseUnsigned } from './resolve.ts'
import { runSmoke } from './run.ts'
import { smokeSpec, type SmokeSpec } from './spec.ts'
import { smokeTools } from './tools.ts'

const nothing = z.strictObject({})

export const smoke: Stage<
  SmokeSpec, z.infer<typeof nothing>, SmokePlan, SmokeArtifact,
  { iso: IsoLocked }, { source: SourcePlan; headers: HeadersPlan; iso: IsoPlan }, { iso: Stored<IsoArtifact> }
> = {
  name: 'smoke',
  title: 'boot the router and send packets through it',
  reads: ['iso'],
  spec: smokeSpec,
  locked: nothing,
  assets: ['images/smoke/lab/hosts'],
  tools: smokeTools,
  resolve: ({ spec, before }) => {
    refuseUnsigned(spec, 'secureBoot' in before.iso && before.iso.secureBoot !== undefined)
    return Promise.resolve({})
  },
  plan: planSmoke,
  foresee: (plan) => Promise.resolve().then(() => { requirePassword(plan) }),
  run: runSmoke,
  reusable: (artifact) => artifact.verdict === 'pass',
}
