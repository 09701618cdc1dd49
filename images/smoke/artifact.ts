import type { Firmware } from './spec.ts'

export interface Milestone {
  name: string
  /** Since QEMU was started. */
  ms: number
}

export interface CheckResult {
  id: string
  title: string
  /** `skip`: not asked of this boot, or not possible on it; says why. */
  verdict: 'pass' | 'fail' | 'skip'
  /** Figures, or what went wrong; one line. */
  detail: string
}

export interface BootResult {
  firmware: Firmware
  milestones: Milestone[]
  checks: CheckResult[]
  /** Files kept of this boot, relative to the artifact's folder: console, journal, captures. */
  evidence: string[]
}

/** What the lab found: the stage's result, also when the verdict is `fail`. */
export interface SmokeArtifact {
  accelerator: 'kvm' | 'tcg'
  /** How much slower than a 2020s core under TCG this machine is; every deadline is multiplied by it. */
  speedFactor: number
  verdict: 'pass' | 'fail'
  boots: BootResult[]
}

export interface SmokeReport {
  accelerator: SmokeArtifact['accelerator']
  milestones: Milestone[]
  checks: CheckResult[]
}

/** The artifact as report.json shows it: one flat list, every name and id led by its boot. */
export function smokeReport({ accelerator, boots }: SmokeArtifact): SmokeReport {
  return {
    accelerator,
    milestones: boots.flatMap(({ firmware, milestones }) => milestones.map(({ name, ms }) => ({ name: `${firmware}/${name}`, ms }))),
    checks: boots.flatMap(({ firmware, checks }) => checks.map((check) => ({ ...check, id: `${firmware}/${check.id}` }))),
  }
}
