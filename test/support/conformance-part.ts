import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runConformance, type ConformanceRun } from '../../images/smoke/conformance/boot.ts'
import { table } from '../../images/smoke/conformance/table.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'

/** Everything that does not wait for time to pass, with Jool inline: it fits beside the other tests. `npm run smoke:full` has the rest. */
export async function conformancePart(iso: string, workDir: string, exec: Exec): Promise<ConformanceRun> {
  await mkdir(workDir, { recursive: true })
  return await runConformance({
    iso, login: { user: 'root', password: 'router' }, entries: table.filter(({ waits = 0 }) => waits === 0), modes: ['inline'], tayga: false, kinds: ['nat46', 'nat64'], limitMs: 180_000,
    exec, log: silentLog, signal: new AbortController().signal, workDir, consoleFile: join(workDir, 'console.log'),
  })
}
