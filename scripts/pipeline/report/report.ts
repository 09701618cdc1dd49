import { z } from 'zod'
import { stageNames } from '../../domain/stage-name.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** One thing that the smoke test looked at. */
export const checkReport = z.strictObject({
  id: z.string().describe('Stable name of the check, with the boot it belongs to: bios/tcp-bulk.'),
  title: z.string(),
  verdict: z.enum(['pass', 'fail', 'skip']),
  detail: z.string().describe('What was measured, or what went wrong.'),
})

export const smokeReport = z.strictObject({
  accelerator: z.enum(['kvm', 'tcg']),
  milestones: z.array(z.strictObject({ name: z.string(), ms: z.number().nonnegative().describe('Milliseconds since QEMU started.') })),
  checks: z.array(checkReport),
})
export type SmokeReport = z.infer<typeof smokeReport>

/** `report.json`: what was built, how long it took, and whether the router passed packets. */
export const buildReport = z.strictObject({
  target: z.string(),
  verdict: z.enum(['pass', 'fail']),
  stages: z.array(z.strictObject({
    name: z.enum(stageNames),
    key: digest.describe('The cache key: equal keys, equal results.'),
    cached: z.boolean(),
    ms: z.number().nonnegative().describe('Milliseconds in this run; 0 when cached.'),
  })),
  artifacts: z.array(z.strictObject({ path: z.string().describe('Relative to the report.'), sha256: digest, sizeBytes: z.number().int().nonnegative() })),
  smoke: smokeReport.optional().describe('Absent when the build stopped before the smoke test.'),
})
export type BuildReport = z.infer<typeof buildReport>
