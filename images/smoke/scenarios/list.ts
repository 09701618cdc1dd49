import { changeScenarios } from './list/change.ts'
import { firewallScenarios } from './list/firewall.ts'
import { nat46Scenarios } from './list/nat46.ts'
import { randomScenarios } from './list/random.ts'
import { rollbackScenarios } from './list/rollback.ts'
import { stateScenarios } from './list/state.ts'
import { taygaScenarios } from './list/tayga.ts'
import type { Scenario } from './scenario.ts'

/** All of them; the one that restarts the router comes last. */
export const allScenarios: readonly Scenario[] = [...firewallScenarios, ...changeScenarios, ...nat46Scenarios, ...stateScenarios, ...rollbackScenarios, ...randomScenarios, ...taygaScenarios]
