import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { interrupted, type Exec } from '../../scripts/lib/exec.ts'
import type { Log } from '../../scripts/lib/log.ts'
import type { BootResult, CheckResult } from './artifact.ts'
import { titles, type CheckId } from './checks/catalogue.ts'
import { demand, oneLine, runCheck, type Check, type CheckContext } from './checks/check.ts'
import * as packets from './checks/packets.ts'
import * as router from './checks/router.ts'
import { userCheck } from './checks/user.ts'
import { referenceDriver } from './drivers/reference.ts'
import { vyosDriver } from './drivers/vyos.ts'
import { SerialShell } from './drivers/serial-shell.ts'
import type { AcceleratorProbe } from './lab/accelerator.ts'
import { Guest, vyosDeadlines } from './lab/guest.ts'
import type { ChildExit } from './lab/host-client.ts'
import { connectHosts } from './lab/network.ts'
import { makePersistenceDisk } from './lab/persistence.ts'
import { Timeline } from './lab/timeline.ts'
import { topology } from './lab/topology.ts'
import { startTree, type LabTree } from './lab/tree.ts'
import { loginOf, type PlannedBoot, type SmokePlan } from './plan.ts'

export interface BootDeps {
  medium: { iso: string } | { installedDisk: string }
  /** PEM: what the firmware trusts under Secure Boot. */
  certificate?: string | undefined
  plan: SmokePlan
  /** What the router is. */
  driver: 'reference' | 'vyos'
  probe: AcceleratorProbe
  exec: Exec
  log: Log
  signal: AbortSignal
  workDir: string
  outDir: string
}

const bootId = 'cat /proc/sys/kernel/random/boot_id'

/**
 * Puts the image into a lab of its own, boots it and runs the boot's checks. A router that does not boot is a result, not an
 * error: what was not reached has failed.
 * @throws ForgeError E_LAB when the lab itself cannot be had, E_INTERRUPTED
 */
export async function smokeBoot(boot: PlannedBoot, deps: BootDeps): Promise<BootResult> {
  const { plan, probe, exec, log, signal, workDir, outDir } = deps
  const { firmware } = boot
  const medium = 'iso' in deps.medium ? { ...deps.medium, on: plan.medium, persistenceImage: await makePersistenceDisk(exec, workDir) } : deps.medium
  await using tree = await startTree()
  const timeline = new Timeline()
  timeline.listen((event) => { log.step(`${firmware}: ${event.kind}`) })
  const consoleFile = `console-${firmware}.log`
  await using guest = await Guest.start(tree, {
    accelerator: probe.accelerator, firmware, medium, certificate: deps.certificate, memoryMiB: plan.memoryMiB, cpus: plan.cpus,
    speedFactor: probe.speedFactor, deadlines: deps.driver === 'vyos' ? vyosDeadlines : undefined, workDir, consoleFile: join(outDir, consoleFile), timeline, signal,
  })
  await connectHosts(tree)
  await tree.ipv4Host.call('serve', { host: topology.far.host, port: topology.port })
  const captures = await capture(tree, firmware, { outDir, log, signal, waitMs: 20_000 * probe.speedFactor })

  const shell = new SerialShell(guest.console, { speedFactor: probe.speedFactor, signal })
  const login = loginOf(plan, deps.driver)
  const driver = (deps.driver === 'vyos' ? vyosDriver : referenceDriver)(shell, login)
  const scaled = (ms: number): number => Math.ceil(ms * probe.speedFactor)
  const context: CheckContext = { ipv6Host: tree.ipv6Host, ipv4Host: tree.ipv4Host, transit: tree.transit, driver, timeline, expected: plan.expected, scaled }

  // No traffic or command is waited for when there is no router any more, or nobody who wants to know.
  using aborted = whenAborted(signal)
  const ended = Promise.race([guest.ended(), aborted.promise])
  ended.catch(() => undefined)
  const checks: CheckResult[] = []
  let lost: string | undefined
  /** Runs a check, unless the router was lost before. */
  const check = async (id: string, title: string, work: () => Promise<string>): Promise<boolean> => {
    if (signal.aborted) throw interrupted()
    const result: CheckResult = lost === undefined
      ? await runCheck(id, title, async () => await Promise.race([work(), ended]).catch((error: unknown) => {
        if (error instanceof ForgeError && error.code === 'E_BOOT') lost = oneLine(error)
        throw error
      }))
      : { id, title, verdict: 'fail', detail: `not reached: ${lost}` }
    checks.push(result)
    log.note(`${firmware}: ${result.verdict === 'fail' ? 'FAIL' : result.verdict}  ${result.title}: ${result.detail}`)
    return result.verdict !== 'fail'
  }
  const builtIn = async (id: CheckId, work: Check): Promise<boolean> =>
    !boot.checks.includes(id) || await check(id, titles[id], async () => await work(context))

  await builtIn('boot', async () => {
    await Promise.all([guest.until('login'), guest.run()])
    return `login prompt ${seconds(timeline, 'login')} after power-on (${probe.accelerator})`
  })
  await builtIn('configure', async () => {
    await driver.login()
    await driver.configure()
    return `as ${login.user}, on the serial console`
  })
  await builtIn('kernel', router.kernel)
  await builtIn('lockdown', router.lockdown)
  await builtIn('modules', router.modules)
  await builtIn('icmp', packets.icmp)
  await builtIn('tcp-small', packets.tcpSmall)
  await builtIn('udp-small', packets.udpSmall)
  await builtIn('tcp-bulk', packets.tcpBulk)
  await builtIn('udp-bulk', packets.udpBulk)
  await builtIn('path-mtu', packets.pathMtu)
  await builtIn('path-mtu-v4', packets.pathMtuV4)
  await builtIn('fragments', packets.fragments)
  await builtIn('traceroute', packets.traceroute)
  if (boot.checks.includes('parallel')) {
    let sessions: Promise<string> | undefined
    await builtIn('parallel', async () => {
      const { opened, detail } = await packets.openConnections(context)
      sessions = router.sessionsShown(context, opened)
      await sessions.catch(() => undefined)
      await packets.closeConnections(context)
      return detail
    })
    await builtIn('sessions', async () => await (sessions ?? Promise.reject(new Error('there were no connections to show'))))
  }
  await builtIn('unload', router.unload)
  for (const own of boot.userChecks) await check(own.id, own.title, async () => await userCheck(own, context))
  await builtIn('units', router.units)
  await builtIn('kernel-log', router.kernelLog)
  if (checks.every(({ verdict }) => verdict !== 'fail')) timeline.record({ kind: 'checks-passed' })
  await builtIn('reboot', async () => {
    const before = await driver.run(bootId)
    const byItself = await driver.startsAtBoot()
    const started = performance.now()
    const login = guest.until('login')
    timeline.rebooting()
    driver.reboot()
    await login
    // The log in is for the checks that follow too, so it is done also when no packet flows.
    const loggedIn = byItself ? driver.login() : driver.login().then(async () => {
      const { status, output } = await driver.startTranslator()
      demand(status === 0, `starting NAT64 after the reboot: exit status ${String(status)}: ${output.slice(-200)}`)
    })
    const flows = (byItself ? packets.awaitTranslation(context) : loggedIn.then(() => packets.awaitTranslation(context))).then(() => performance.now() - started)
    await Promise.allSettled([flows, loggedIn])
    await loggedIn
    const ms = await flows
    const exchange = await packets.tcpSmall(context)
    const after = await driver.run(bootId)
    demand(before.status === 0 && after.status === 0 && before.output !== after.output, 'the kernel is still the same boot')
    return `packets flow again ${(ms / 1000).toFixed(0)} s after the command${byItself ? '' : ' (nothing starts NAT64 by itself here: started by hand)'}; ${exchange}`
  })
  await builtIn('units-after-reboot', router.units)
  await builtIn('kernel-log-after-reboot', router.kernelLog)
  const evidence = [consoleFile, ...captures.files]
  if (lost === undefined) evidence.push(...await journal())
  await captures.stop()
  return { firmware, milestones: timeline.milestones, checks, evidence }

  async function journal(): Promise<string[]> {
    try {
      const { output } = await driver.run('journalctl -b -o short-monotonic --no-pager | tail -n 1500', 120_000)
      const file = `journal-${firmware}.log`
      await writeFile(join(outDir, file), `${output}\n`)
      return [file]
    } catch {
      if (signal.aborted) throw interrupted()
      // Evidence is a help, its absence no verdict: the checks have theirs.
      return []
    }
  }
}

/** Many boots may have one signal: each stops listening to it when it is over. */
function whenAborted(signal: AbortSignal): Disposable & { promise: Promise<never> } {
  let onAbort = (): void => undefined
  const promise = new Promise<never>((_, reject) => {
    onAbort = () => { reject(interrupted()) }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
  return { promise, [Symbol.dispose]: () => { signal.removeEventListener('abort', onAbort) } }
}

/**
 * Captures what both hosts send and get. Waits until each capture has begun, before there is any packet: one that begins late
 * lacks the first of them, and of a boot that ends at once nothing would be there. One that does not begin is no evidence, and told.
 */
async function capture(
  tree: LabTree, firmware: string, { outDir, log, signal, waitMs }: { outDir: string; log: Log; signal: AbortSignal; waitMs: number },
): Promise<{ files: string[]; stop: () => Promise<void> }> {
  const sides = [{ host: tree.ipv6Host, file: `ipv6-side-${firmware}.pcap` }, { host: tree.ipv4Host, file: `ipv4-side-${firmware}.pcap` }]
  const started = await Promise.all(sides.map(async ({ host, file }) => {
    const ended: ChildExit[] = []
    host.onExit((exit) => ended.push(exit))
    // Headers of the first packets: enough to see what happened, small enough to keep.
    const argv = ['tcpdump', '-i', 'eth0', '-n', '-s', '96', '-c', '100000', '-U', '--immediate-mode', '-Z', 'root', '-w', join(outDir, file)] as const
    const { child } = await host.call('start', { argv })
    const words = (): string | undefined => ended.find((exit) => exit.child === child)?.stderr.trim()
    // tcpdump writes the file's header when it listens.
    const begun = async (): Promise<boolean> => await stat(join(outDir, file)).then(({ size }) => size > 0, () => false)
    const deadline = performance.now() + waitMs
    while (!await begun() && words() === undefined && performance.now() < deadline && !signal.aborted) await setTimeout(20)
    if (await begun()) return { host, child, file }
    if (!signal.aborted) log.warn(`${firmware}: tcpdump ${words() === undefined ? `did not begin within ${String(Math.round(waitMs / 1000))} s` : `ended: ${oneLine(words() ?? '')}`}: the evidence is without ${file}`)
    return { host, child }
  }))
  return {
    files: started.flatMap(({ file }) => file ?? []),
    stop: async () => { await Promise.all(started.map(async ({ host, child }) => await host.call('stop', { child }))) },
  }
}

function seconds(timeline: Timeline, name: string): string {
  const milestone = timeline.milestones.find((one) => one.name === name)
  return milestone ? `${(milestone.ms / 1000).toFixed(1)} s` : '?'
}
