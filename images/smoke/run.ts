import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { interrupted, type Exec } from '../../scripts/lib/exec.ts'
import type { Log } from '../../scripts/lib/log.ts'
import type { RunDeps, Stored } from '../../scripts/pipeline/stage.ts'
import type { BootResult, SmokeArtifact } from './artifact.ts'
import { smokeBoot } from './boot.ts'
import { driverFor } from './driver-for.ts'
import { probeAccelerator } from './lab/accelerator.ts'
import { emulatorFault } from './lab/console-events.ts'
import { requirePassword, type SmokePlan } from './plan.ts'

const emulatorFaultsForgiven = 2

export interface SmokeIsoInput {
  /** An ISO, or a disk that a router is installed on, which is written to. */
  medium: { iso: string } | { installedDisk: string }
  /** PEM: what the firmware trusts when the plan has a boot with Secure Boot on. */
  certificate?: string | undefined
  plan: SmokePlan
  exec: Exec
  log: Log
  signal: AbortSignal
  /** Scratch, not kept. */
  workDir: string
  /** Console, journal and captures are put here. */
  outDir: string
}

/**
 * Boots any router image in the lab, once for each planned boot. A failed check is a result with verdict `fail`, not an error.
 * @throws ForgeError E_LAB, E_INTERRUPTED
 */
export async function smokeIso(input: SmokeIsoInput): Promise<SmokeArtifact> {
  try {
    return await bootAll(input)
  } catch (error) {
    // Whatever an interrupt broke on its way.
    throw input.signal.aborted ? interrupted() : error
  }
}

async function bootAll(input: SmokeIsoInput): Promise<SmokeArtifact> {
  const { plan, exec, log, workDir } = input
  const driver = plan.driver === 'auto' ? await driverFor(input.medium, exec, log) : plan.driver
  requirePassword({ ...plan, driver })
  log.step('find out whether KVM boots a guest here')
  let probe = await probeAccelerator(exec, workDir)
  log.note(`${probe.accelerator === 'kvm' ? 'KVM' : 'no KVM that boots: emulating (TCG)'}, speed factor ${String(probe.speedFactor)}`)
  const boots: BootResult[] = []
  for (const boot of plan.boots) {
    const ownDir = join(workDir, boot.firmware)
    const attempt = async (): Promise<BootResult> => {
      await mkdir(ownDir, { recursive: true })
      return await smokeBoot(boot, { ...input, driver, probe, workDir: ownDir })
    }
    if (probe.accelerator === 'kvm') {
      const result = await attempt().catch((error: unknown) => {
        if (error instanceof ForgeError && error.code === 'E_LAB') return undefined
        throw error
      })
      if (result !== undefined && kernelStarted(result)) {
        boots.push(result)
        continue
      }
      // Nested virtualisation is broken in more ways than a probe can try: what KVM cannot start is not the image's fault yet.
      log.warn('with KVM the guest did not come as far as its kernel: once more, emulating (TCG)')
      probe = await probeAccelerator(exec, workDir, ['tcg'])
      await rm(ownDir, { recursive: true, force: true })
    }
    let result = await attempt()
    const faults: string[] = []
    while (faults.length < emulatorFaultsForgiven && failed(result)) {
      const consoleFile = join(input.outDir, `console-${boot.firmware}.log`)
      const where = emulatorFault(await readFile(consoleFile, 'utf8'))
      if (where === undefined) break
      log.warn(`${boot.firmware}: a fault of QEMU's emulation and not the router's (its kernel ran into a breakpoint at ${where} that is not in its memory; QEMU before 8.1 does that now and then): once more`)
      faults.push(`console-${boot.firmware}-emulator-fault-${String(faults.length + 1)}.log`)
      await rename(consoleFile, join(input.outDir, faults.at(-1) ?? ''))
      await rm(ownDir, { recursive: true, force: true })
      result = await attempt()
    }
    boots.push({ ...result, evidence: [...result.evidence, ...faults] })
  }
  const passed = !boots.some(failed)
  return { accelerator: probe.accelerator, speedFactor: probe.speedFactor, verdict: passed ? 'pass' : 'fail', boots }
}

const failed = ({ checks }: BootResult): boolean => checks.some(({ verdict }) => verdict === 'fail')

/** Whether a boot came further than its boot loader. */
export function kernelStarted({ milestones }: Pick<BootResult, 'milestones'>): boolean {
  return milestones.some(({ name }) => ['kernel', 'initramfs', 'init', 'login'].includes(name))
}

/** The stage: the ISO of the stage before. */
export async function runSmoke(plan: SmokePlan, deps: RunDeps<{ iso: Stored<{ isoName: string; secureBootCertificate?: string }> }>): Promise<SmokeArtifact> {
  const { before, exec, log, signal, workDir, outDir } = deps
  return await smokeIso({ medium: { iso: join(before.iso.dir, before.iso.isoName) }, certificate: before.iso.secureBootCertificate, plan, exec, log, signal, workDir, outDir })
}
