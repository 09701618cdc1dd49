import type { Exec } from '../../scripts/lib/exec.ts'
import { referenceDriver } from './drivers/reference.ts'
import type { RouterDriver } from './drivers/router-driver.ts'
import { SerialShell } from './drivers/serial-shell.ts'
import { probeAccelerator } from './lab/accelerator.ts'
import { Guest } from './lab/guest.ts'
import { makePersistenceDisk } from './lab/persistence.ts'
import { Timeline } from './lab/timeline.ts'
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
  { iso, login, exec, signal, workDir, consoleFile, counting = false }: LabRouterInput, connect: (tree: LabTree) => Promise<Ends>, work: (lab: LabRouter, ends: Ends) => Promise<Result>,
): Promise<Result> {
  const probe = await probeAccelerator(exec, workDir, counting ? ['tcg'] : undefined)
  const { accelerator } = probe
  const speedFactor = probe.speedFactor * (counting ? countingFactor : 1)
  const persistenceImage = await makePersistenceDisk(exec, workDir)
  await using tree = await startTree()
  const timeline = new Timeline()
  await using guest = await Guest.start(tree, { accelerator, firmware: 'bios', iso, memoryMiB: 768, cpus: counting ? 1 : 2, counting, persistenceImage, speedFactor, workDir, consoleFile, timeline, signal })
  const ends = await connect(tree)
  await Promise.all([guest.until('login'), guest.run()])
  const router = referenceDriver(new SerialShell(guest.console, { speedFactor, signal }), login)
  return await Promise.race([work({ accelerator, tree, guest, timeline, router, scaled: (ms) => Math.ceil(ms * speedFactor) }, ends), guest.ended()])
}
