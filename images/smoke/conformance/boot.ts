import type { Exec } from '../../../scripts/lib/exec.ts'
import type { Log } from '../../../scripts/lib/log.ts'
import { CheckFailed } from '../checks/check.ts'
import { referenceDriver } from '../drivers/reference.ts'
import type { RouterDriver } from '../drivers/router-driver.ts'
import { SerialShell } from '../drivers/serial-shell.ts'
import { probeAccelerator } from '../lab/accelerator.ts'
import { Guest } from '../lab/guest.ts'
import { connectHosts } from '../lab/network.ts'
import { makePersistenceDisk } from '../lab/persistence.ts'
import { Timeline } from '../lab/timeline.ts'
import { topology } from '../lab/topology.ts'
import { startTree, type LabTree } from '../lab/tree.ts'
import { Wire } from '../lab/wire.ts'
import type { Entry } from './entry.ts'
import type { ConformanceResult } from './result.ts'
import { runTable } from './run.ts'
import { joolSetup } from './setups/jool.ts'
import type { Mode, TranslationKind } from './translator.ts'
import { world } from './world.ts'

export interface ConformanceInput {
  /** A reference router's ISO. */
  iso: string
  login: { user: string; password: string }
  entries: readonly Entry[]
  modes: readonly Mode[]
  kinds: readonly TranslationKind[]
  limitMs: number
  exec: Exec
  log: Log
  signal: AbortSignal
  workDir: string
  /** The console is kept here. */
  consoleFile: string
  onResult?: (result: ConformanceResult) => void
}

/**
 * Boots a router once and runs the table on it, changing its configuration in between.
 * @throws ForgeError E_LAB, E_BOOT, E_INTERRUPTED
 */
export async function runConformance(input: ConformanceInput): Promise<ConformanceResult[]> {
  const { exec, log, signal, workDir } = input
  const probe = await probeAccelerator(exec, workDir)
  const persistenceImage = await makePersistenceDisk(exec, workDir)
  await using tree = await startTree()
  await using guest = await Guest.start(tree, {
    accelerator: probe.accelerator, firmware: 'bios', iso: input.iso, memoryMiB: 768, cpus: 2, persistenceImage, speedFactor: probe.speedFactor, workDir,
    consoleFile: input.consoleFile, timeline: new Timeline(), signal,
  })
  const wires = await openWires(tree)
  log.step('boot the router')
  await Promise.all([guest.until('login'), guest.run()])
  const router = referenceDriver(new SerialShell(guest.console, { speedFactor: probe.speedFactor, signal }), input.login)
  log.step('configure the router')
  await router.login()
  await router.configure()
  await router.stopTranslator()
  await prepare(router)
  log.step(`${String(input.entries.length)} entries in ${input.modes.join(', ')}`)
  const scaled = (ms: number): number => Math.ceil(ms * probe.speedFactor)
  return await Promise.race([
    runTable({ ...input, setups: input.modes.map((mode) => joolSetup(mode, router)), wires, router, scaled }),
    guest.ended(),
  ])
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
    `ip -6 route replace ${world.hosts6} via ${topology.v6.host}`,
    'sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000',
  ]
  for (const command of commands) {
    const { status, output } = await router.run(command)
    if (status !== 0) throw new CheckFailed(`on the router: ${command}: ${output}`)
  }
}
