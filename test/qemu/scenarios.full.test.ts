import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { CheckResult } from '../../images/smoke/artifact.ts'
import { bootScenarios } from '../../images/smoke/scenarios/boot.ts'
import { allScenarios } from '../../images/smoke/scenarios/list.ts'
import { randomConfigurations } from '../../scripts/dev/random-configurations.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { builtIso } from '../support/built-iso.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const hours = 60 * 60_000
/** A few; `npm run smoke:full` tries 50. */
const configurations = 5

describe.skipIf(!needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'xorriso', 'bwrap', 'tcpdump', '/usr/bin/python3'))('the reference router with nat64ctl', { timeout: hours }, () => {
  let checks: CheckResult[]

  beforeAll(async () => {
    const dir = await temporaryFolder({ keepUntil: 'file' })
    const exec = createExec({ log: silentLog })
    const workDir = join(dir, 'guest')
    await mkdir(workDir);
    ({ checks } = await bootScenarios({
      iso: await builtIso(dir), login: { user: 'root', password: 'router' }, scenarios: allScenarios, randomConfigurations: await randomConfigurations(exec, dir, configurations),
      exec, log: silentLog, signal: new AbortController().signal, workDir, consoleFile: join(workDir, 'console.log'),
    }))
  }, hours)

  it('comes through every scenario, and its kernel log stays clean', () => {
    expect(checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual([...allScenarios.map(({ id }) => `scenario/${id}`), 'scenario/kernel-log'])
  })
})
