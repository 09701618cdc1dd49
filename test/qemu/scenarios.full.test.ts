import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { CheckResult } from '../../images/smoke/artifact.ts'
import { bootScenarios } from '../../images/smoke/scenarios/boot.ts'
import { allScenarios } from '../../images/smoke/scenarios/list.ts'
import { randomConfigurations } from '../../scripts/dev/random-configurations.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { program } from '../support/cli.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const hours = 60 * 60_000
/** A few; `npm run smoke:full` tries 50. */
const configurations = 5

describe.skipIf(!needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'xorriso', 'bwrap', 'tcpdump', '/usr/bin/python3'))('the reference router with nat64ctl', { timeout: hours }, () => {
  let checks: CheckResult[]

  beforeAll(async () => {
    const dir = await temporaryFolder({ keepUntil: 'file' })
    const store = await testStore()
    await new Promise<void>((resolve, reject) => {
      execFile(process.execPath, [program, 'build', '--target', 'debian-12', '--until', 'iso', '--fast', '--store', store, '--out', join(dir, 'out')], { cwd: dir, maxBuffer: 1 << 28 }, (error, _stdout, stderr) => {
        if (error) reject(new Error(stderr))
        else resolve()
      })
    })
    const exec = createExec({ log: silentLog })
    const workDir = join(dir, 'guest')
    await mkdir(workDir);
    ({ checks } = await bootScenarios({
      iso: join(dir, 'out/debian-12/debian-12-router.iso'), login: { user: 'root', password: 'router' }, scenarios: allScenarios, randomConfigurations: await randomConfigurations(exec, dir, configurations),
      exec, log: silentLog, signal: new AbortController().signal, workDir, consoleFile: join(workDir, 'console.log'),
    }))
  }, hours)

  it('comes through every scenario, and its kernel log stays clean', () => {
    expect(checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual([...allScenarios.map(({ id }) => `scenario/${id}`), 'scenario/kernel-log'])
  })
})
