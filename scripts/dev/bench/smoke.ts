import type { SmokeArtifact } from '../../../images/smoke/artifact.ts'
import { ForgeError } from '../../lib/errors.ts'
import { runStages } from '../../pipeline/run.ts'
import { stages } from '../../pipeline/stages.ts'
import { rounded, type Measure } from './figure.ts'
import { openPrepared } from './forge-session.ts'

/** From QEMU's start to all packet checks passed, by milestone; UEFI and the reboot apart. */
export const smokeMilestones: Measure = async (context) => {
  const { session, prepared } = await openPrepared(context)
  await using _session = session
  context.say('smoke-first-packet: building the image if needed, then booting it')
  const results = await runStages(prepared, { until: 'smoke', always: ['smoke'] }, stages, session)
  const artifact = results.at(-1)?.artifact as SmokeArtifact
  if (artifact.verdict !== 'pass') throw new ForgeError('E_SMOKE', 'the smoke test failed, so its times mean nothing')
  return artifact.boots.flatMap(({ firmware, milestones }) => milestones.map(({ name, ms }) => {
    const main = firmware === 'bios' && name === 'checks-passed'
    return { id: main ? 'smoke-first-packet' : `smoke/${firmware}/${name}`, value: rounded(ms / 1000, 1), unit: 's' as const, against: main ? `at most 150 s; ${artifact.accelerator}` : artifact.accelerator }
  }))
}
