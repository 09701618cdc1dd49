import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createExec, type Argv } from '../../../scripts/lib/exec.ts'
import { silentLog } from '../../../scripts/lib/log.ts'
import { hostMirrors } from '../../../scripts/lib/mirrors.ts'
import { nat64ctlPackage } from '../../support/nat64ctl-package.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { needsTools } from '../../support/tools.ts'

const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const exec = createExec({ log: silentLog })

// The oldest Python that can still be had is that of Debian 11; what is older is checked by what it reads (scripts/dev/python-3.7.py).
describe.skipIf(!needsTools('mmdebstrap', 'bwrap') || process.getuid?.() !== 0)('the Python of Debian 11', { timeout: 60 * 60_000 }, () => {
  it('passes the unit tests of what runs on routers', async () => {
    const dir = await temporaryFolder()
    const root = join(dir, 'root')
    const { debian } = await hostMirrors(exec)
    await exec(['mmdebstrap', '--variant=apt', '--include=python3,iproute2,procps', '--aptopt=APT::Install-Recommends "false"', 'bullseye', root, debian], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, timeoutMs: 20 * 60_000 })
    for (const folder of ['project', 'package']) await mkdir(join(root, folder))
    const packages = await nat64ctlPackage()
    const inRoot = (...argv: string[]): Argv => ['bwrap', '--unshare-all', '--die-with-parent', '--bind', root, '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--ro-bind', projectDir, '/project', '--ro-bind', packages, '/package', '--chdir', '/project', '--setenv', 'PYTHONPATH', '/package', '--', ...argv]
    const { stdout: version } = await exec(inRoot('python3', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'))
    expect(version.trim()).toBe('3.9')
    const { stderr } = await exec(inRoot('python3', '-B', '-m', 'unittest', 'discover', '--start-directory', 'test/python'), { timeoutMs: 30 * 60_000 })
    expect(stderr).toMatch(/^Ran [1-9]\d* tests? in /m)
    expect(stderr).toMatch(/^OK/m)
  })
})
