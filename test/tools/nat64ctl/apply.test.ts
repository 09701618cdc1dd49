import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createExec } from '../../../scripts/lib/exec.ts'
import { silentLog } from '../../../scripts/lib/log.ts'
import { needsTools } from '../../support/tools.ts'

const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const unitsDir = join(projectDir, 'packaging/nat64ctl/usr/lib/systemd/system')
const exec = createExec({ log: silentLog })

describe.skipIf(!needsTools('systemd-analyze'))('the systemd units of nat64ctl', () => {
  it.each([
    ['nat64.service', 'OK'], ['nat64-refresh.service', 'OK'], ['nat64-tayga@.service', 'OK'], ['nat64-joold@.service', 'OK'],
    ['nat64-log@.service', 'OK'],
  ])('%s is exposed no more than what systemd calls %s', async (unit, verdict) => {
    const { stdout } = await exec(['systemd-analyze', 'security', '--offline=true', '--no-pager', join(unitsDir, unit)], {})
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`Overall exposure level for .*: \\d\\.\\d ${verdict}\\b`))
  })

  it('that make network namespaces filter no addresses: the filter would hold for the kernel\'s own packets there', async () => {
    expect(await readFile(join(unitsDir, 'nat64.service'), 'utf8')).not.toMatch(/^(IPAddress|IPIngress|IPEgress|RestrictNetworkInterfaces)/m)
  })

  it('are all in this table', async () => {
    expect((await readdir(unitsDir)).sort()).toEqual(['nat64-joold@.service', 'nat64-log@.service', 'nat64-refresh.service', 'nat64-tayga@.service', 'nat64.service'])
  })
})

describe.skipIf(!needsTools('ip', 'nft', 'iptables-save', 'tayga', '/usr/bin/python3'))('plans on this machine\'s kernel', () => {
  it('carries out random configurations, and undoes them where a change is refused', async () => {
    const { stdout } = await exec(['/usr/bin/python3', '-B', 'test/python/real_kernel.py', '0', '6'], {
      cwd: projectDir, env: { PYTHONPATH: 'packaging/nat64ctl/usr/lib/python3/dist-packages' }, timeoutMs: 8 * 60_000,
    })
    expect(stdout).toMatch(/^6 configurations, [1-9]\d\d operations, [1-9] failures undone$/m)
  })
})
