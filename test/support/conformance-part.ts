import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runConformance, type ConformanceInput, type ConformanceRun } from '../../images/smoke/conformance/boot.ts'
import { table } from '../../images/smoke/conformance/table.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'

type Part = Pick<ConformanceInput, 'entries' | 'modes' | 'tayga' | 'limitMs'>

/** Everything that does not wait for time to pass, with Jool inline. */
export const waitingForNothing: Part = { entries: table.filter(({ waits = 0 }) => waits === 0), modes: ['inline'], tayga: false, limitMs: 180_000 }

const chosenIds = [
  'rfc7915-64-header', 'rfc7915-46-header', 'rfc7915-64-tcp', 'rfc7915-64-echo', 'rfc7915-46-echo', 'rfc7915-46-icmp-3-4', 'rfc7915-64-mtu-nexthop',
  'rfc7915-46-too-big', 'rfc6146-64-fragments-any-order', 'rfc6146-session-udp', 'rfc6146-session-tcp', 'rfc6146-static-udp', 'rfc6146-hairpin-tcp', 'rfc6146-pools-by-mark',
  'rfc6052-56', 'rfc6052-96', 'rfc6877-464xlat',
]

/** Of each subject one or two, in every mode and on both engines: it fits beside the other tests. `npm run smoke:full` has all of it. */
export const chosenPart: Part = { entries: table.filter(({ id }) => chosenIds.includes(id)), modes: ['isolated', 'inline', 'iptables'], tayga: true, limitMs: 20 * 60_000 }

export async function conformancePart(part: Part, iso: string, workDir: string, exec: Exec): Promise<ConformanceRun> {
  await mkdir(workDir, { recursive: true })
  return await runConformance({
    iso, login: { user: 'root', password: 'router' }, ...part, kinds: ['nat46', 'nat64'],
    exec, log: silentLog, signal: new AbortController().signal, workDir, consoleFile: join(workDir, 'console.log'),
  })
}

/** What one verdict was given to, in words for a failed test. */
export function withVerdict({ results }: ConformanceRun, verdict: string): string[] {
  return results.filter((result) => result.verdict === verdict).map(({ setup, kind, id, detail }) => `${setup} ${kind} ${id}: ${detail}`)
}
