import { z } from 'zod'
import { lockedPackage } from '../../scripts/domain/remote-file.ts'
import { lockedJoolPatch } from '../compile/patches.ts'
import { keptKeyLocked, modulesKeySpec } from '../signing/spec.ts'

export const modulesSpec = z.strictObject({
  signing: modulesKeySpec.optional(),
  untested: z.boolean().optional().describe('True: build also for a kernel that the support table refuses, to find out.'),
}).prefault({}).describe('Compiling Jool\'s modules.')
export type ModulesSpec = z.infer<typeof modulesSpec>

export const modulesLocked = z.strictObject({
  /** Every package of the build root. */
  buildRoot: z.array(lockedPackage),
  /** The key that signs the modules; absent where they are not signed, or signed where the kernel is built. */
  signing: z.strictObject({ key: keptKeyLocked, hash: z.string().optional() }).optional(),
  /** The kernel loads only what its own key signed, and nobody signs. */
  unsigned: z.literal(true).optional(),
  /** Those of kernel/patches that this Jool needs for this kernel, in order; absent where it needs none. */
  patches: z.array(lockedJoolPatch).min(1).optional(),
})
export type ModulesLocked = z.infer<typeof modulesLocked>
