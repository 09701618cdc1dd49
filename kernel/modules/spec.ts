import { z } from 'zod'
import { lockedPackage } from '../../scripts/domain/remote-file.ts'

export const modulesSpec = z.strictObject({}).prefault({}).describe('Compiling Jool\'s modules; nothing to set yet.')
export type ModulesSpec = z.infer<typeof modulesSpec>

export const modulesLocked = z.strictObject({
  /** Every package of the build root. */
  buildRoot: z.array(lockedPackage),
})
export type ModulesLocked = z.infer<typeof modulesLocked>
