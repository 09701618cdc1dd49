import type { Log } from '../../../scripts/lib/log.ts'
import type { CheckResult, Milestone } from '../artifact.ts'
import { titles } from '../checks/catalogue.ts'
import { runCheck, type CheckContext } from '../checks/check.ts'
import { kernelLog } from '../checks/router.ts'
import { connectHosts } from '../lab/network.ts'
import { topology } from '../lab/topology.ts'
import { withLabRouter, type LabRouterInput } from '../lab-router.ts'
import { prepare } from './nat64ctl.ts'
import { runScenarios, type ScenarioRunInput } from './run.ts'
import type { ScenarioContext } from './scenario.ts'

/** Its ISO has nat64ctl. */
export interface ScenarioBootInput extends Pick<ScenarioRunInput, 'scenarios' | 'onResult'>, Pick<ScenarioContext, 'randomConfigurations'>, Omit<LabRouterInput, 'counting'> {
  log: Log
}

/**
 * Boots a router of its own and takes it through the scenarios: hosts with kernels of their own, where the conformance table has wires.
 * @throws ForgeError E_LAB, E_BOOT, E_INTERRUPTED
 */
export async function bootScenarios(input: ScenarioBootInput): Promise<{ accelerator: 'kvm' | 'tcg'; milestones: Milestone[]; checks: CheckResult[] }> {
  const { log, signal } = input
  log.step('boot a router for the scenarios')
  return await withLabRouter(input, async (tree) => {
    await connectHosts(tree)
    await tree.ipv4Host.call('serve', { host: topology.far.host, port: topology.port })
  }, async ({ accelerator, tree, guest, timeline, router, scaled }) => {
    await router.login()
    await router.configure()
    const devices = await prepare(router, { v6: topology.v6.mac, v4: topology.v4.mac })
    const reboot = async (): Promise<void> => {
      const login = guest.until('login')
      timeline.rebooting()
      router.reboot()
      await login
      await router.login()
    }
    const context: ScenarioContext = { router, ...tree, devices, scaled, reboot, randomConfigurations: input.randomConfigurations }
    log.step(`${String(input.scenarios.length)} scenarios`)
    const results = await runScenarios({ scenarios: input.scenarios, context, signal, ...(input.onResult ? { onResult: input.onResult } : {}) })
    const about: CheckContext = { ...tree, driver: router, timeline, expected: {}, scaled }
    const after = await runCheck('scenario/kernel-log', `after the scenarios: ${titles['kernel-log']}`, async () => await kernelLog(about))
    return { accelerator, milestones: timeline.milestones.map(({ name, ms }) => ({ name: `scenario/${name}`, ms })), checks: [...results, after] }
  })
}
