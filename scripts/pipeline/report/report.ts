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

/** A line of the conformance table, for one way to run a translator. */
export const conformanceReport = z.strictObject({
  id: z.string().describe('Stable name of the entry: rfc7915-46-ttl.'),
  rfc: z.number().int(),
  section: z.string(),
  title: z.string(),
  setup: z.string().describe('Engine and mode: jool-inline.'),
  kind: z.enum(['nat64', 'nat46']),
  verdict: z.enum(['pass', 'fail', 'known-limit', 'limit-gone', 'skip'])
    .describe('known-limit: it fails, as the engine\'s documents or issues say. limit-gone: it passes although they say that it does not.'),
  detail: z.string().describe('What was seen, or what went wrong.'),
  limit: z.strictObject({ what: z.string(), source: z.string().describe('The issue or document.') }).optional(),
})
export type ConformanceRow = z.infer<typeof conformanceReport>

export const smokeReport = z.strictObject({
  accelerator: z.enum(['kvm', 'tcg']),
  milestones: z.array(z.strictObject({ name: z.string(), ms: z.number().nonnegative().describe('Milliseconds since QEMU started.') })),
  checks: z.array(checkReport),
  conformance: z.array(conformanceReport).optional().describe('What the RFCs ask of a translator, line by line; absent when it was not asked.'),
})
export type SmokeReport = z.infer<typeof smokeReport>

/** What went into a router image that was there before. */
const injectedReport = z.strictObject({
  into: z.string().describe('The name of the ISO.'),
  sha256: digest.describe('Its digest.'),
  mode: z.enum(['graft', 'repack', 'layer']),
  packages: z.array(z.strictObject({ name: z.string(), version: z.string(), architecture: z.string(), was: z.enum(['installed', 'upgraded', 'downgraded', 'reinstalled']), oldVersion: z.string().nullable() })),
  removed: z.array(z.strictObject({ name: z.string(), version: z.string() })).describe('Packages of the ISO that had to go.'),
  modulesListed: z.array(z.string()).describe('Kernels whose lists of modules were made anew.'),
  initrds: z.array(z.string()).describe('Kernels whose initrd was made anew.'),
  kernel: z.string().nullable().describe('The new kernel, where it was replaced.'),
  notes: z.array(z.string()).describe('What a person should know.'),
})

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
  injected: injectedReport.optional().describe('Absent where the router image was made here.'),
  smoke: smokeReport.optional().describe('Absent when the build stopped before the smoke test.'),
})
export type BuildReport = z.infer<typeof buildReport>
