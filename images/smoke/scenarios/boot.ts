import type { Exec } from '../../../scripts/lib/exec.ts'
import type { Log } from '../../../scripts/lib/log.ts'
import type { CheckResult, Milestone } from '../artifact.ts'
import { titles } from '../checks/catalogue.ts'
import { runCheck, type CheckContext } from '../checks/check.ts'
import { kernelLog } from '../checks/router.ts'
import { referenceDriver } from '../drivers/reference.ts'
import { SerialShell } from '../drivers/serial-shell.ts'
import { probeAccelerator } from '../lab/accelerator.ts'
import { Guest } from '../lab/guest.ts'
import { connectHosts } from '../lab/network.ts'
import { makePersistenceDisk } from '../lab/persistence.ts'
import { Timeline } from '../lab/timeline.ts'
import { topology } from '../lab/topology.ts'
import { startTree } from '../lab/tree.ts'
import { must } from './nat64ctl.ts'
import { runScenarios, type ScenarioRunInput } from './run.ts'
import type { ScenarioContext } from './scenario.ts'

export interface ScenarioBootInput extends Pick<ScenarioRunInput, 'scenarios' | 'signal' | 'onResult'>, Pick<ScenarioContext, 'randomConfigurations'> {
  /** A reference router's ISO, with nat64ctl. */
  iso: string
  login: { user: string; password: string }
  exec: Exec
  log: Log
  workDir: string
  /** The console is kept here. */
  consoleFile: string
}

/**
 * Boots a router of its own and takes it through the scenarios: hosts with kernels of their own, where the conformance table has wires.
 * @throws ForgeError E_LAB, E_BOOT, E_INTERRUPTED
 */
export async function bootScenarios(input: ScenarioBootInput): Promise<{ accelerator: 'kvm' | 'tcg'; milestones: Milestone[]; checks: CheckResult[] }> {
  const { exec, log, signal, workDir } = input
  const probe = await probeAccelerator(exec, workDir)
  const persistenceImage = await makePersistenceDisk(exec, workDir)
  await using tree = await startTree()
  const timeline = new Timeline()
  await using guest = await Guest.start(tree, {
    accelerator: probe.accelerator, firmware: 'bios', iso: input.iso, memoryMiB: 768, cpus: 2, persistenceImage, speedFactor: probe.speedFactor, workDir,
    consoleFile: input.consoleFile, timeline, signal,
  })
  await connectHosts(tree)
  await tree.ipv4Host.call('serve', { host: topology.far.host, port: topology.port })
  log.step('boot a router for the scenarios')
  await Promise.all([guest.until('login'), guest.run()])
  const router = referenceDriver(new SerialShell(guest.console, { speedFactor: probe.speedFactor, signal }), input.login)
  const scaled = (ms: number): number => Math.ceil(ms * probe.speedFactor)
  const work = async (): Promise<CheckResult[]> => {
    await router.login()
    await router.configure()
    const devices = await prepare(router)
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
    return [...results, await runCheck('scenario/kernel-log', `after the scenarios: ${titles['kernel-log']}`, async () => await kernelLog(about))]
  }
  const checks = await Promise.race([work(), guest.ended()])
  return { accelerator: probe.accelerator, milestones: timeline.milestones.map(({ name, ms }) => ({ name: `scenario/${name}`, ms })), checks }
}

/** No service's translator beside nat64ctl's; and what the lab's interfaces are called there. */
async function prepare(router: ScenarioContext['router']): Promise<ScenarioContext['devices']> {
  await must(router, 'systemctl stop jool jool_siit 2>/dev/null; ! jool instance display --csv 2>/dev/null | grep netfilter')
  const nameOf = async (mac: string): Promise<string> => (await must(router, `ip -o link | awk -F': ' '/${mac}/{print $2}'`)).trim()
  return { v6: await nameOf(topology.v6.mac), v4: await nameOf(topology.v4.mac) }
}
