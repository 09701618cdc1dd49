import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildDeb } from '../../packaging/debs/build-deb.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { madeUpArtifacts } from '../support/debs-inputs.ts'
import { epoch, kernel56, plansFor } from '../support/debs-plans.ts'
import { needsTools } from '../support/tools.ts'

const projectDir = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

/** dpkg installs into an empty folder, and the real maintainer scripts run against it; what they call writes a log. */
describe.skipIf(!needsTools('dpkg', 'dpkg-deb') || process.getuid?.() !== 0)('maintainer scripts of the modules', () => {
  const release = kernel56.release
  let dir: string
  let root: string
  let deb: string
  let calls: string

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'scripts-'))
    root = join(dir, 'root')
    calls = join(dir, 'calls')
    for (const folder of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/dpkg/triggers', 'var/log', 'tmp']) mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, 'var/lib/dpkg/status'), '')
    writeFileSync(calls, '')
    mkdirSync(join(dir, 'bin'))
    writeFileSync(join(dir, 'bin/depmod'), `#!/bin/sh\necho "depmod $*" >> ${calls}\n`, { mode: 0o755 })

    const plan = plansFor(kernel56).packages[0]
    if (plan === undefined) throw new Error('no package for the kernel')
    const before = await madeUpArtifacts(join(dir, 'before'))
    mkdirSync(join(dir, 'stage'))
    deb = join(dir, plan.fileName)
    await buildDeb(plan, join(dir, 'stage'), deb, {
      projectDir, sourceDateEpoch: epoch, tools: { dir: 'unused', depends: [] },
      modules: new Map(before.modules.modules.map(({ name, file }) => [name, join(before.modules.dir, file)])),
    }, createExec({ log: silentLog }))
  })
  afterEach(() => { rmSync(dir, { recursive: true, force: true }) })

  const dpkg = (...args: string[]): void => {
    execFileSync('dpkg', [`--root=${root}`, '--force-script-chrootless', '--force-depends', '--force-not-root', ...args], {
      stdio: 'pipe', env: { ...process.env, PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    })
  }
  const withKernel = (): void => { mkdirSync(join(root, 'lib/modules', release, 'kernel'), { recursive: true }) }
  const expectCalls = async (...lines: string[]): Promise<void> => { expect((await readFile(calls, 'utf8')).split('\n').filter(Boolean)).toEqual(lines) }
  const depmod = (): string => `depmod -b ${root}/ ${release}`

  test('index the modules on installation, on upgrade once, and on removal', async () => {
    withKernel()
    dpkg('--install', deb)
    await expectCalls(depmod())
    dpkg('--install', deb)
    await expectCalls(depmod(), depmod())
    dpkg('--remove', `jool-modules-${release}`)
    await expectCalls(depmod(), depmod(), depmod())
    expect(existsSync(join(root, 'lib/modules', release, 'updates'))).toBe(false)
  })

  test('leave an image without this kernel alone, and its folder goes with the package', async () => {
    dpkg('--install', deb)
    expect(readFileSync(join(root, 'lib/modules', release, 'updates/jool/jool.ko'), 'utf8')).toBe('module jool\n')
    dpkg('--purge', `jool-modules-${release}`)
    await expectCalls()
    expect(existsSync(join(root, 'lib/modules'))).toBe(false)
  })
})

describe.skipIf(!needsTools('dpkg', 'dpkg-deb') || process.getuid?.() !== 0)('maintainer scripts of nat64ctl', () => {
  let dir: string
  let root: string
  let deb: string
  const python = 'usr/lib/python3/dist-packages/nat64ctl'

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'scripts-'))
    root = join(dir, 'root')
    for (const folder of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/dpkg/triggers', 'var/log', 'tmp']) mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, 'var/lib/dpkg/status'), '')
    const plan = plansFor(kernel56).packages.find(({ name }) => name === 'nat64ctl')
    if (plan === undefined) throw new Error('no nat64ctl')
    mkdirSync(join(dir, 'stage'))
    deb = join(dir, plan.fileName)
    await buildDeb(plan, join(dir, 'stage'), deb, { projectDir, sourceDateEpoch: epoch, tools: { dir: 'unused', depends: [] }, modules: new Map() }, createExec({ log: silentLog }))
  })
  afterEach(() => { rmSync(dir, { recursive: true, force: true }) })

  const dpkg = (...args: string[]): void => {
    execFileSync('dpkg', [`--root=${root}`, '--force-script-chrootless', '--force-depends', '--force-not-root', ...args], { stdio: 'pipe', env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } })
  }
  /** As if nat64ctl had run: Python keeps what it compiled, TAYGA its maps, a person the configuration. */
  const used = (): void => {
    mkdirSync(join(root, python, '__pycache__'), { recursive: true })
    writeFileSync(join(root, python, '__pycache__/model.cpython-311.pyc'), '')
    mkdirSync(join(root, 'var/lib/nat64/10'), { recursive: true })
    writeFileSync(join(root, 'var/lib/nat64/10/dynamic.map'), '')
    writeFileSync(join(root, 'etc/nat64/nat64.config'), 'set nat64\n')
  }

  test('an upgrade and a removal keep the configuration and TAYGA\'s maps, and leave nothing compiled behind', () => {
    dpkg('--install', deb)
    used()
    dpkg('--install', deb)
    expect(existsSync(join(root, python, '__pycache__'))).toBe(false)
    used()
    dpkg('--remove', 'nat64ctl')
    expect(existsSync(join(root, python))).toBe(false)
    expect(readFileSync(join(root, 'etc/nat64/nat64.config'), 'utf8')).toBe('set nat64\n')
    expect(existsSync(join(root, 'var/lib/nat64/10/dynamic.map'))).toBe(true)
  })

  test('a purge takes both', () => {
    dpkg('--install', deb)
    used()
    dpkg('--purge', 'nat64ctl')
    expect(existsSync(join(root, 'etc/nat64'))).toBe(false)
    expect(existsSync(join(root, 'var/lib/nat64'))).toBe(false)
  })

  test('a removal takes all translation away, whoever applied it, and a failure of that keeps no package', () => {
    const bin = join(dir, 'bin')
    const calls = join(dir, 'calls')
    mkdirSync(bin)
    for (const [name, status] of [['deb-systemd-invoke', 1], ['nat64ctl', 1]] as const) {
      writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${calls}\nexit ${String(status)}\n`, { mode: 0o755 })
    }
    const prerm = (running: string, argument: string): string[] => {
      writeFileSync(calls, '')
      const script = readFileSync(join(projectDir, 'packaging/nat64ctl/DEBIAN/prerm'), 'utf8').replaceAll('/run/systemd/system', running).replaceAll('/usr/lib/', `${dir}/`)
      execFileSync('/bin/sh', ['-c', script, 'prerm', argument], { stdio: 'pipe', env: { PATH: `${bin}:/usr/bin:/bin` } })
      return readFileSync(calls, 'utf8').split('\n').filter(Boolean)
    }
    expect(prerm(dir, 'remove')).toEqual(['deb-systemd-invoke stop nat64.service', 'nat64ctl apply /dev/null'])
    expect(prerm(dir, 'upgrade')).toEqual([])
    // In the making of an image the network is another system's.
    expect(prerm('/nonexistent', 'remove')).toEqual([])
  })

  test('installing compiles the Python for the router\'s own, where there is a compiler', () => {
    mkdirSync(join(dir, 'bin'))
    writeFileSync(join(dir, 'bin/py3compile'), `#!/bin/sh\necho "py3compile $*"\n`, { mode: 0o755 })
    const postinst = join(projectDir, 'packaging/nat64ctl/DEBIAN/postinst')
    const run = (path: string): string => execFileSync('/bin/sh', [postinst, 'configure', ''], { encoding: 'utf8', env: { PATH: path } })
    expect(run(join(dir, 'bin'))).toBe('py3compile -p nat64ctl\n')
    expect(run('/nonexistent')).toBe('')
  })
})
