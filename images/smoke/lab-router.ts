import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Exec } from '../../scripts/lib/exec.ts'
import { referenceDriver } from './drivers/reference.ts'
import type { RouterDriver } from './drivers/router-driver.ts'
import { SerialShell } from './drivers/serial-shell.ts'
import { probeAccelerator } from './lab/accelerator.ts'
import { Guest } from './lab/guest.ts'
import { makePersistenceDisk } from './lab/persistence.ts'
import { Timeline } from './lab/timeline.ts'
import type { GuestRole } from './lab/topology.ts'
import { startTree, type LabTree } from './lab/tree.ts'

export interface LabRouterInput {
  /** A reference router's ISO. */
  iso: string
  login: { user: string; password: string }
  exec: Exec
  signal: AbortSignal
  workDir: string
  /** The console is kept here. */
  consoleFile: string
  /** Its clock counts the instructions of its one processor, a nanosecond each; emulated. */
  counting?: boolean
}

/** A reference router that has booted, in a lab of its own. */
export interface LabRouter {
  accelerator: 'kvm' | 'tcg'
  tree: LabTree
  guest: Guest
  timeline: Timeline
  router: RouterDriver
  /** A deadline on this machine, from one on the reference machine. */
  scaled: (ms: number) => number
}

/** Time goes slower for a router that counts than for everybody else. */
const countingFactor = 4

/**
 * Boots a router once, works with it, and ends it and its lab.
 * @param connect what has to be there on the hosts before the router boots; passed on to `work`
 * @throws ForgeError E_LAB, E_BOOT, E_INTERRUPTED
 */
export async function withLabRouter<Ends, Result>(
  input: LabRouterInput, connect: (tree: LabTree) => Promise<Ends>, work: (lab: LabRouter, ends: Ends) => Promise<Result>,
): Promise<Result> {
  await using tree = await startTree()
  const lab = await start(input, 'router', tree)
  await using guest = lab.guest
  const ends = await connect(tree)
  await Promise.all([guest.until('login'), guest.run()])
  return await Promise.race([work(lab, ends), guest.ended()])
}

/**
 * The same with a second router of the same ISO on the same two networks. The first one may end.
 * @throws ForgeError E_LAB, E_BOOT, E_INTERRUPTED
 */
export async function withLabRouters<Result>(input: LabRouterInput, connect: (tree: LabTree) => Promise<void>, work: (first: LabRouter, standby: LabRouter) => Promise<Result>): Promise<Result> {
  await using tree = await startTree()
  const first = await start(input, 'router', tree)
  await using firstGuest = first.guest
  const standby = await start({ ...input, workDir: await mkdtemp(join(input.workDir, 'standby-')), consoleFile: input.consoleFile.replace(/(\.\w+)?$/, '-standby$1') }, 'standby', tree)
  await using standbyGuest = standby.guest
  await connect(tree)
  await Promise.all([firstGuest, standbyGuest].flatMap((guest) => [guest.until('login'), guest.run()]))
  return await Promise.race([work(first, standby), standbyGuest.ended()])
}

/** Starts QEMU, with the guest stopped. */
async function start({ iso, login, exec, signal, workDir, consoleFile, counting = false }: LabRouterInput, role: GuestRole, tree: LabTree): Promise<LabRouter> {
  const probe = await probeAccelerator(exec, workDir, counting ? ['tcg'] : undefined)
  const { accelerator } = probe
  const speedFactor = probe.speedFactor * (counting ? countingFactor : 1)
  const persistenceImage = await makePersistenceDisk(exec, workDir)
  const timeline = new Timeline()
  const guest = await Guest.start(tree, { accelerator, firmware: 'bios', medium: { iso, on: 'cd', persistenceImage }, memoryMiB: 768, cpus: counting ? 1 : 2, counting, role, speedFactor, workDir, consoleFile, timeline, signal })
  return { accelerator, tree, guest, timeline, router: referenceDriver(new SerialShell(guest.console, { speedFactor, signal }), login), scaled: (ms) => Math.ceil(ms * speedFactor) }
}
