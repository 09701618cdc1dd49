import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { CheckResult } from '../artifact.ts'
import { oneLine, runCheck } from '../checks/check.ts'
import { cleanUp } from './nat64ctl.ts'
import type { Scenario, ScenarioContext } from './scenario.ts'

export interface ScenarioRunInput {
  scenarios: readonly Scenario[]
  context: ScenarioContext
  signal: AbortSignal
  onResult?: (result: CheckResult) => void
}

/** One after another, each with nothing configured before it. What a scenario finds is a result, never an error. @throws ForgeError E_LAB, E_INTERRUPTED */
export async function runScenarios({ scenarios, context, signal, onResult }: ScenarioRunInput): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  let lost: string | undefined
  for (const { id, title, run } of scenarios) {
    signal.throwIfAborted()
    const result: CheckResult = await runCheck(`scenario/${id}`, title, async () => {
      if (lost !== undefined) throw new Error(`not reached: ${lost}`)
      try {
        const { status, output } = await cleanUp(context.router)
        if (status !== 0) throw new Error(`what was there before could not be taken away: ${output.slice(-300)}`)
        return await run(context)
      } catch (error) {
        if (error instanceof ForgeError && error.code === 'E_BOOT') lost = oneLine(error)
        throw error
      }
    })
    results.push(result)
    onResult?.(result)
  }
  if (lost === undefined) await cleanUp(context.router)
  return results
}
