import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { CheckResult } from '../artifact.ts'
import type { RouterDriver } from '../drivers/router-driver.ts'
import type { HostClient } from '../lab/host-client.ts'
import type { Timeline } from '../lab/timeline.ts'
import type { SmokePlan } from '../plan.ts'

/** What a check may use. */
export interface CheckContext {
  ipv6Host: HostClient
  ipv4Host: HostClient
  transit: HostClient
  driver: RouterDriver
  timeline: Timeline
  expected: SmokePlan['expected']
  /** A deadline on this machine, from one on the reference machine. */
  scaled: (ms: number) => number
}

/** Resolves to figures for the reader. @throws CheckSkipped, or CheckFailed or any other error when it did not pass */
export type Check = (context: CheckContext) => Promise<string>

export class CheckFailed extends Error {}

/** The check cannot be asked of this router; the message says why. */
export class CheckSkipped extends Error {}

/** @throws CheckFailed */
export function demand(condition: boolean, detail: string): asserts condition {
  if (!condition) throw new CheckFailed(detail)
}

/**
 * A check's result; whatever it throws is the router's failure, but for what says nothing about the router.
 * @throws ForgeError E_INTERRUPTED, E_LAB
 */
export async function runCheck(id: string, title: string, check: () => Promise<string>): Promise<CheckResult> {
  try {
    return { id, title, verdict: 'pass', detail: await check() }
  } catch (error) {
    if (error instanceof CheckSkipped) return { id, title, verdict: 'skip', detail: oneLine(error) }
    if (error instanceof ForgeError && (error.code === 'E_INTERRUPTED' || error.code === 'E_LAB')) throw error
    return { id, title, verdict: 'fail', detail: oneLine(error) }
  }
}

export function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, '; ').slice(0, 500)
}
