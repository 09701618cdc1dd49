import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createExec } from '../../../scripts/lib/exec.ts'
import { silentLog } from '../../../scripts/lib/log.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const packageDir = fileURLToPath(new URL('../../../packaging/nat64ctl', import.meta.url))
const unitsDir = join(packageDir, 'usr/lib/systemd/system')
const exec = createExec({ log: silentLog })

describe('when an interface comes up', () => {
  /** What the hook asks of systemd where nat64.service is in a state. */
  async function asked(state: string, status: number): Promise<string[]> {
    const dir = await temporaryFolder()
    const calls = join(dir, 'calls')
    await writeFile(calls, '')
    await writeFile(join(dir, 'systemctl'), [
      '#!/bin/sh', `if [ "$1" = is-active ]; then echo ${state}; exit ${String(status)}; fi`, `echo "$*" >> ${calls}`, 'exit 1', '',
    ].join('\n'), { mode: 0o755 })
    await exec(['/bin/sh', join(packageDir, 'usr/lib/nat64ctl/refresh')], { env: { PATH: `${dir}:/usr/bin:/bin` } })
    return (await readFile(calls, 'utf8')).split('\n').filter(Boolean)
  }

  it.each([
    ['active', 0, 'nat64-refresh.service'], ['reloading', 0, 'nat64-refresh.service'],
    // At boot, where interfaces come up while the first apply runs.
    ['activating', 3, 'nat64-refresh.service'],
    ['failed', 3, 'nat64.service'],
  ])('and nat64.service is %s (%i), %s is started, and no failure of it is the hook\'s', async (state, status, unit) => {
    expect(await asked(state, status)).toEqual([`--no-block start ${unit}`])
  })

  it.each([['inactive', 3], ['deactivating', 3], ['unknown', 4], ['', 1]])('and nat64.service is "%s" (%i), nothing is started', async (state, status) => {
    expect(await asked(state, status)).toEqual([])
  })

  it('and when a firewall that is reloaded has taken ours with it, it is put back after that', async () => {
    const unit = await readFile(join(unitsDir, 'nat64.service'), 'utf8')
    for (const directive of ['After', 'ReloadPropagatedFrom']) expect(unit).toMatch(new RegExp(`^${directive}=nftables\\.service netfilter-persistent\\.service$`, 'm'))
  })

  it.each([['up', true], ['dhcp4-change', true], ['dhcp6-change', true], ['down', false], ['pre-up', false]])('NetworkManager says %s: refreshed %s', async (action, refreshed) => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'refresh'), '#!/bin/sh\necho refreshed\n', { mode: 0o755 })
    const script = (await readFile(join(packageDir, 'etc/NetworkManager/dispatcher.d/50-nat64'), 'utf8')).replaceAll('/usr/lib/nat64ctl/', `${dir}/`)
    expect((await exec(['/bin/sh', '-c', script, '50-nat64', 'eth0', action], {})).stdout).toBe(refreshed ? 'refreshed\n' : '')
  })

  it('no unit is refused for coming up too often, nor waits for what must run again', async () => {
    for (const unit of await readdir(unitsDir)) {
      expect(await readFile(join(unitsDir, unit), 'utf8'), unit).toMatch(/^\[Unit\]\n(?:[^[].*\n)*StartLimitIntervalSec=0\n/)
    }
    expect(await readFile(join(unitsDir, 'nat64-refresh.service'), 'utf8')).toMatch(/^ExecStart=\/bin\/systemctl --no-block reload nat64\.service$/m)
  })
})
