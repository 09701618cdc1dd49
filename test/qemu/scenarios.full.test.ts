import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { bootScenarios } from '../../images/smoke/scenarios/boot.ts'
import { bootFailOver } from '../../images/smoke/scenarios/fail-over.ts'
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
  let dir: string
  let iso: string
  const exec = createExec({ log: silentLog })

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    iso = await builtIso(dir)
  }, hours)

  const common = async (name: string): Promise<Parameters<typeof bootFailOver>[0]> => {
    const workDir = join(dir, name)
    await mkdir(workDir)
    return { iso, login: { user: 'root', password: 'router' }, exec, log: silentLog, signal: new AbortController().signal, workDir, consoleFile: join(workDir, 'console.log') }
  }

  it('comes through every scenario, and its kernel log stays clean', async () => {
    const { checks } = await bootScenarios({ ...await common('scenarios'), scenarios: allScenarios, randomConfigurations: await randomConfigurations(exec, dir, configurations) })
    expect(checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual([...allScenarios.map(({ id }) => `scenario/${id}`), 'scenario/kernel-log'])
  })

  it('hands its sessions over to a second one that stands by', async () => {
    expect(await bootFailOver(await common('fail-over'))).toMatchObject({ verdict: 'pass' })
  })
})
