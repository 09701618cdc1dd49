import type { Log } from '../../../scripts/lib/log.ts'
import type { CheckResult, Milestone } from '../artifact.ts'
import { titles } from '../checks/catalogue.ts'
import { CheckFailed, runCheck, type CheckContext } from '../checks/check.ts'
import { kernelLog } from '../checks/router.ts'
import type { RouterDriver } from '../drivers/router-driver.ts'
import { connectHosts } from '../lab/network.ts'
import { topology } from '../lab/topology.ts'
import type { LabTree } from '../lab/tree.ts'
import { Wire } from '../lab/wire.ts'
import { withLabRouter, type LabRouterInput } from '../lab-router.ts'
import type { ConformanceResult } from './result.ts'
import { runTable, type TableInput } from './run.ts'
import { joolSetup } from './setups/jool.ts'
import { nat64ctlSetup } from './setups/nat64ctl.ts'
import { taygaSetup } from './setups/tayga.ts'
import type { Mode, TranslatorSetup } from './translator.ts'
import { world } from './world.ts'

export interface ConformanceInput extends Pick<TableInput, 'entries' | 'kinds' | 'limitMs' | 'onResult'>, Omit<LabRouterInput, 'counting'> {
  /** Of Jool. */
  modes: readonly Mode[]
  /** Whether TAYGA is asked too. */
  tayga: boolean
  log: Log
}

/** What one boot gave: the table, and whether the router came through it unharmed. */
export interface ConformanceRun {
  accelerator: 'kvm' | 'tcg'
  milestones: Milestone[]
  checks: CheckResult[]
  results: ConformanceResult[]
}

/**
 * Boots a router once and runs the table on it, changing its configuration in between.
 * @throws ForgeError E_LAB, E_BOOT, E_INTERRUPTED
 */
export async function runConformance(input: ConformanceInput): Promise<ConformanceRun> {
  const { log } = input
  log.step('boot the router')
  return await withLabRouter(input, openWires, async ({ accelerator, tree, timeline, router, scaled }, wires) => {
    log.step('configure the router')
    await router.login()
    await router.configure()
    await prepare(router)
    log.step(`${String(input.entries.length)} entries for ${input.kinds.join(' and ')} in ${input.modes.join(', ')}`)
    const results = await runTable({ ...input, setups: await setupsOf(input, router), wires, router, scaled })
    // Packets that no host would send are what kernels stumble over.
    const context: CheckContext = { ipv6Host: tree.ipv6Host, ipv4Host: tree.ipv4Host, transit: tree.transit, driver: router, timeline, expected: {}, scaled }
    const checks = [await runCheck('bios/kernel-log', `after the table: ${titles['kernel-log']}`, async () => await kernelLog(context))]
    return { accelerator, milestones: timeline.milestones.map(({ name, ms }) => ({ name: `bios/${name}`, ms })), checks, results }
  })
}

/** As an administrator would, where the router has nat64ctl; else by Jool's own commands. */
async function setupsOf({ modes, tayga }: Pick<ConformanceInput, 'modes' | 'tayga'>, router: RouterDriver): Promise<TranslatorSetup[]> {
  const { status } = await router.run('command -v nat64ctl')
  if (status !== 0) return [...modes.map((mode) => joolSetup(mode, router)), ...tayga ? [taygaSetup(router)] : []]
  return [...modes.map((mode) => nat64ctlSetup('jool', mode, router)), ...tayga ? [nat64ctlSetup('tayga', 'isolated', router)] : []]
}

/** The hosts that do not exist: routed to where the wires are, and thrown away by the kernels there. */
async function openWires(tree: LabTree): Promise<{ v6: Wire; v4: Wire }> {
  await connectHosts(tree)
  for (const prefix of [world.hosts4, '192.0.2.33/32', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']) await tree.transit.must('ip', 'route', 'add', 'blackhole', prefix)
  return { v6: await Wire.open(tree.ipv6Host, 'eth0', topology.v6.mac), v4: await Wire.open(tree.transit, topology.v4.tap, topology.v4.mac) }
}

/** Routes to the hosts; and no limit on how often the router may complain, or the table would see the limit. */
async function prepare(router: RouterDriver): Promise<void> {
  const commands = [
    // No service's instance beside the table's: a kernel holds one. What it started stays: a stateless translator is to see fragments.
    'systemctl stop jool jool_siit 2>/dev/null; modprobe -r jool; modprobe -r nf_defrag_ipv6 nf_defrag_ipv4; ! jool instance display --csv 2>/dev/null | grep netfilter',
    `ip -6 route replace ${world.hosts6} via ${topology.v6.host}`,
    'sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000 net.ipv4.route.error_cost=0',
  ]
  for (const command of commands) {
    const { status, output } = await router.run(command)
    if (status !== 0) throw new CheckFailed(`on the router: ${command}: ${output}`)
  }
}
