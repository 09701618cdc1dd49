import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { driverFor } from '../../../../images/smoke/driver-for.ts'
import { createExec } from '../../../../scripts/lib/exec.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const exec = createExec({ log: silentLog })

async function root(packages: readonly string[], ...files: string[]): Promise<string> {
  const dir = await temporaryFolder()
  const status = packages.map((name) => `Package: ${name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n`).join('\n')
  for (const [path, text] of [['etc/os-release', 'ID=debian\n'], ['var/lib/dpkg/status', status], ...files.map((file) => [file, ''])] as [string, string][]) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  return dir
}

it('takes for VyOS what has its command line and nat64 in it', async () => {
  expect(await driverFor({ iso: await root(['dpkg']) }, exec, silentLog)).toBe('reference')
  expect(await driverFor({ iso: await root(['dpkg', 'vyos-1x'], 'usr/libexec/vyos/conf_mode/nat64.py') }, exec, silentLog)).toBe('vyos')
})

it('says before a boot that a VyOS has no nat64, and how it gets it', async () => {
  expect(await rejection(driverFor({ iso: await root(['dpkg', 'vyos-1x']) }, exec, silentLog))).toMatchObject({
    code: 'E_TARGET', message: expect.stringContaining('has no nat64') as string, hint: expect.stringContaining('nat64-forge inject') as string,
  })
})

it('does not guess what it cannot look into', async () => {
  const file = join(await temporaryFolder(), 'x.iso')
  await writeFile(file, 'nothing that is known')
  for (const medium of [{ iso: file }, { installedDisk: file }]) {
    expect(await rejection(driverFor(medium, exec, silentLog))).toMatchObject({ code: 'E_TARGET', hint: 'write smoke.driver: reference or smoke.driver: vyos' })
  }
})
