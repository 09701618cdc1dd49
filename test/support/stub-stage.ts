import { z } from 'zod'
import type { StageName } from '../../scripts/domain/stage-name.ts'
import type { AnyStage } from '../../scripts/pipeline/stage.ts'

/** A stage that does nothing, but for what a test gives it. */
export function stubStage(name: StageName, parts: Partial<AnyStage> = {}): AnyStage {
  return {
    name, title: `the ${name} stage of a test`, reads: [], assets: [], tools: [],
    spec: z.strictObject({ note: z.string().default('') }).prefault({}), locked: z.strictObject({ version: z.string() }),
    resolve: () => Promise.resolve({ version: '1' }),
    plan: ({ locked }) => locked,
    run: () => Promise.resolve({}),
    ...parts,
  }
}
