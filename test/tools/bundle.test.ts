import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { writeBundle, type Bundle } from '../../packaging/bundle/artifact.ts'
import { buildDeb } from '../../packaging/debs/build-deb.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { startCli } from '../support/cli.ts'
import { madeUpArtifacts } from '../support/debs-inputs.ts'
import { epoch, plansFor, vyos as vyosKernel } from '../support/debs-plans.ts'
import { picture, standInVyos, type StandIn } from '../support/stand-in-vyos.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const projectDir = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
const exec = createExec({ log: silentLog })
const release = vyosKernel.release

describe.skipIf(!needsTools('dpkg', 'dpkg-deb', 'tar', '/usr/bin/python3') || process.getuid?.() !== 0)('the archive for VyOS', () => {
  let all: string
  let debs: string[]
  /** All of them as a build makes them, but TAYGA. */
  let real: string[]
  let archive: Bundle
  let dir: string

  const deb = (name: string): string => debs.find((path) => basename(path).startsWith(`${name}_`)) ?? name
  const bundle = async (packages: readonly string[]): Promise<Bundle> => {
    const workDir = mkdtempSync(join(all, 'work'))
    return writeBundle({ packages, sources: [], projectDir, exec, log: silentLog, workDir: join(workDir, 'w') })
  }

  /** A package without any content that matters. */
  function madeUpDeb(name: string, version: string, files: Readonly<Record<string, string>> = {}, fields = ''): string {
    const root = mkdtempSync(join(all, 'deb'))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    mkdirSync(join(root, 'DEBIAN'))
    writeFileSync(join(root, 'DEBIAN/control'), `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: Test <test@example.org>\n${fields}Description: made up\n`)
    writeFileSync(join(root, 'DEBIAN/md5sums'), '')
    const file = join(root, `../made-up/${name}_${version}_all.deb`)
    mkdirSync(dirname(file), { recursive: true })
    execFileSync('dpkg-deb', ['--root-owner-group', '--build', root, file], { stdio: 'pipe', env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) } })
    return file
  }

  beforeAll(async () => {
    all = await temporaryFolder({ keepUntil: 'file' })
    const before = await madeUpArtifacts(join(all, 'before'))
    debs = []
    for (const plan of plansFor(vyosKernel).packages) {
      mkdirSync(join(all, plan.name))
      const file = join(all, plan.fileName)
      await buildDeb(plan, join(all, plan.name), file, {
        projectDir, sourceDateEpoch: epoch, tools: { dir: join(before.source.dir, 'tools'), depends: [] },
        modules: new Map(before.modules.modules.map(({ name, file: module }) => [name, join(before.modules.dir, module)])),
      }, exec)
      debs.push(file)
    }
    debs.push(madeUpDeb('tayga', '0.9.2-8'))
    real = debs
    // What these do when they are installed has tests of its own, and takes its time.
    const own = new Map([['nat64ctl', ''], ['vyos-nat64', 'Pre-Depends: vyos-1x\nDepends: nat64ctl (= 0.1.0-1)\n']])
    debs = debs.map((path) => {
      const name = basename(path).replace(/_.*/, '')
      return own.has(name) ? madeUpDeb(name, '0.1.0-1', {}, own.get(name)) : path
    })
    archive = await bundle(debs)
  })
  beforeEach(() => { dir = mkdtempSync(join(all, 'x')) })

  describe('is', () => {
    test('the same bytes for the same packages, in whatever order and umask', async () => {
      const umask = process.umask(0o077)
      const again = await bundle([...debs].reverse()).finally(() => { process.umask(umask) })
      expect(again.sha256).toBe(archive.sha256)
      expect(execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--file', archive.path], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } }).trimEnd().split('\n').map((line) => line.replace(/ +\d+ 2026/, ' 2026'))).toEqual([
        'drwxr-xr-x 0/0 2026-01-01 00:00 nat64-forge/', '-rw-r--r-- 0/0 2026-01-01 00:00 nat64-forge/SHA256SUMS', '-rwxr-xr-x 0/0 2026-01-01 00:00 nat64-forge/install',
        '-rw-r--r-- 0/0 2026-01-01 00:00 nat64-forge/kernel', 'drwxr-xr-x 0/0 2026-01-01 00:00 nat64-forge/packages/',
        ...['jool-modules-6.6.54-vyos_4.1.13+forge1-1+linux6.6.54+1_all', 'jool-tools_4.1.13+forge1-1_amd64', 'nat64ctl_0.1.0-1_all', 'tayga_0.9.2-8_all', 'vyos-nat64_0.1.0-1_all']
          .map((name) => `-rw-r--r-- 0/0 2026-01-01 00:00 nat64-forge/packages/${name.replace('+linux6.6.54+1_all', '+linux6.6.54+1_amd64')}.deb`),
        '-rw-r--r-- 0/0 2026-01-01 00:00 nat64-forge/packages.list',
      ])
    })

    test('for the kernel of its modules, with the tools before them and VyOS\'s glue last', () => {
      expect(archive).toMatchObject({ kernel: release, leftOut: [], packages: ['jool-tools', 'jool-modules-6.6.54-vyos', 'nat64ctl', 'tayga', 'vyos-nat64'].map((name) => ({ name })) })
    })

    test('printed as JSON by the command, which writes no file twice', async () => {
      const output = join(dir, 'b.tar')
      const run = await startCli(['bundle', ...debs, '-o', output, '--store', join(dir, 'store'), '--json']).ended
      expect(run.status).toBe(0)
      expect(JSON.parse(run.stdout)).toMatchObject({ path: output, sha256: archive.sha256, kernel: release })
      const second = await startCli(['bundle', ...debs, '-o', output, '--store', join(dir, 'store')]).ended
      expect(second).toMatchObject({ status: 64 })
      expect(second.stderr).toContain(`E_USAGE: ${output} exists`)
    })
  })

  describe('is refused', () => {
    const withoutJool = (): string[] => debs.filter((path) => !basename(path).startsWith('jool-'))

    test('of packages that do not go together', async () => {
      await expect(bundle(debs.filter((path) => path !== deb('vyos-nat64')))).rejects.toMatchObject({ code: 'E_USAGE', message: 'vyos-nat64 is not among the packages' })
      await expect(bundle(debs.filter((path) => path !== deb('jool-tools')))).rejects.toMatchObject({ code: 'E_USAGE', message: 'there are Jool\'s modules, but not its tools' })
      await expect(bundle(withoutJool().filter((path) => path !== deb('tayga')))).rejects.toMatchObject({ code: 'E_USAGE', message: 'nothing among the packages translates: neither Jool nor TAYGA' })
      await expect(bundle([...debs, deb('tayga')])).rejects.toMatchObject({ code: 'E_USAGE', message: 'tayga was given twice' })
      const other = madeUpDeb('jool-modules-6.6.58-vyos', '1', { 'lib/modules/6.6.58-vyos/updates/jool/jool.ko': 'x' })
      await expect(bundle([...debs, other])).rejects.toMatchObject({ code: 'E_USAGE', message: 'the modules are for several kernels: 6.6.54-vyos, 6.6.58-vyos' })
    })

    test('of a package that is cut off or not there', async () => {
      const cut = join(dir, basename(deb('nat64ctl')))
      copyFileSync(deb('nat64ctl'), cut)
      truncateSync(cut, statSync(cut).size - 1000)
      await expect(bundle([...debs.filter((path) => path !== deb('nat64ctl')), cut])).rejects.toMatchObject({ code: 'E_DEB' })
      await expect(bundle([join(dir, 'none.deb')])).rejects.toMatchObject({ code: 'E_DEB', message: `${join(dir, 'none.deb')} cannot be read` })
    })

    test('where the disk is full, and nothing of it stays', async () => {
      const small = join(dir, 'small')
      mkdirSync(small)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', small])
      try {
        // Somebody else's, of a name that was ours once.
        writeFileSync(join(small, 'b.tar.part'), 'mine')
        const output = join(small, 'b.tar')
        const { stderr } = await startCli(['bundle', ...debs, '-o', output, '--store', join(dir, 'store')]).ended
        expect(stderr).toContain(`E_DISK_FULL: the disk of ${output} is full`)
        expect(readdirSync(small)).toEqual(['b.tar.part'])
        expect(readFileSync(join(small, 'b.tar.part'), 'utf8')).toBe('mine')
      } finally {
        execFileSync('umount', [small])
      }
    })

    test('never for a metapackage, which is left out, and TAYGA alone is enough', async () => {
      const meta = madeUpDeb('jool-modules-amd64', '1')
      expect(await bundle([...withoutJool(), meta])).toMatchObject({ kernel: null, leftOut: ['jool-modules-amd64'], packages: [{ name: 'nat64ctl' }, { name: 'tayga' }, { name: 'vyos-nat64' }] })
    })
  })

  describe('on a router', () => {
    let router: StandIn
    let config: string
    let before: Record<string, string>
    const user = '#!/bin/sh\n# mine\nlogger hello\nexit 0\n'
    const script = (): string => join(config, 'scripts/vyos-preconfig-bootup.script')
    const folder = (): string => join(config, 'nat64-forge')

    beforeEach(() => {
      router = standInVyos(join(dir, 'root'))
      // What VyOS has of Jool is one package, and VyOS needs it.
      const status = join(router.root, 'var/lib/dpkg/status')
      const rest = readFileSync(status, 'utf8').split('\n\n').filter((paragraph) => !paragraph.startsWith('Package: nat64ctl')).join('\n\n').replace('Package: vyos-1x\n', 'Package: vyos-1x\nDepends: jool\n')
      writeFileSync(status, `${rest}${['iproute2', 'kmod', 'procps', 'init-system-helpers'].map((name) => `Package: ${name}\nStatus: install ok installed\nVersion: 99\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: stands in\n\n`).join('')}Package: linux-image-6.6.54-vyos\nStatus: install ok installed\nVersion: 6.6.54-1\nArchitecture: amd64\nMaintainer: Test <test@example.org>\nDescription: stands in\n\n`)
      for (const name of ['iproute2', 'kmod', 'procps', 'init-system-helpers', 'linux-image-6.6.54-vyos']) writeFileSync(join(router.root, `var/lib/dpkg/info/${name}.list`), '/.\n')
      expect(router.dpkg('--install', madeUpDeb('jool', '4.1.9+git', { 'usr/bin/jool': 'shipped\n', [`lib/modules/${release}/extra/jool.ko`]: 'shipped\n' })).output).not.toContain('error')
      config = join(dir, 'config')
      mkdirSync(join(config, 'scripts'), { recursive: true })
      symlinkSync(config, join(router.root, 'config'))
      writeFileSync(script(), user, { mode: 0o750 })
      writeFileSync(join(config, 'config.boot'), 'nat64 {\n}\n')
      execFileSync('tar', ['--extract', '--file', archive.path, '--directory', config])
      before = picture(router.root)

      const bin = join(dir, 'bin')
      mkdirSync(bin)
      const stub = (name: string, body: string): void => { writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 }) }
      stub('dpkg', `[ ! -e ${dir}/refuse ] || case "$*" in *"$(cat ${dir}/refuse)"*) echo "dpkg: no"; exit 1 ;; esac\nexec /usr/bin/dpkg --root=${router.root} --force-script-chrootless --force-not-root --log=/dev/null "$@"`)
      stub('dpkg-query', `exec /usr/bin/dpkg-query --admindir=${router.root}/var/lib/dpkg "$@"`)
      stub('uname', `cat ${dir}/kernel`)
      stub('logger', `echo "$*" >> ${dir}/log`)
      stub('sg', `echo "sg $*" >> ${dir}/log`)
      stub('depmod', '')
      writeFileSync(join(dir, 'kernel'), `${release}\n`)
    })
    afterEach(() => { rmSync(join(dir, 'refuse'), { force: true }) })

    function install(...args: string[]): { status: number; said: string } {
      try {
        const said = execFileSync('sh', ['-c', 'exec "$@" 2>&1', 'sh', join(folder(), 'install'), ...args], {
          encoding: 'utf8', env: { PATH: `${join(dir, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin`, DPKG_ROOT: router.root, LC_ALL: 'C.UTF-8' },
        })
        return { status: 0, said }
      } catch (error) {
        const { status, stdout } = error as { status: number; stdout: string }
        return { status, said: stdout }
      }
    }
    const installed = (): string[] => execFileSync(join(dir, 'bin/dpkg-query'), ['--show', '--showformat', '${db:Status-Abbrev}${Package} ${Version}\n'], { encoding: 'utf8' })
      .split('\n').filter((line) => /^ii (jool|nat64ctl|tayga|vyos-nat64)/.test(line)).map((line) => line.slice(3).trim()).sort()
    const everything = ['jool-modules-6.6.54-vyos 4.1.13+forge1-1+linux6.6.54+1', 'jool-tools 4.1.13+forge1-1', 'nat64ctl 0.1.0-1', 'tayga 0.9.2-8', 'vyos-nat64 0.1.0-1']
    const hook = (more = ''): string => `# nat64-forge: begin${more}; \`${folder()}/install --unhook\` takes it out\n'${folder()}/install' --boot || true\n# nat64-forge: end\n`

    test('installs everything in place of VyOS\'s Jool, and a second run does nothing', async () => {
      rmSync(folder(), { recursive: true })
      execFileSync('tar', ['--extract', '--file', (await bundle(real)).path, '--directory', config])
      expect(install()).toEqual({ status: 0, said: `nat64-forge: installed: jool-tools jool-modules-6.6.54-vyos nat64ctl tayga vyos-nat64\nnat64-forge: ${script()} installs the packages again after an upgrade of the image\n` })
      expect(installed()).toEqual(everything)
      const after = picture(router.root, /^(run|var\/lib\/dpkg)(\/|$)/)
      expect(install()).toEqual({ status: 0, said: '' })
      expect(install('--boot')).toEqual({ status: 0, said: '' })
      expect(picture(router.root, /^(run|var\/lib\/dpkg)(\/|$)/)).toEqual(after)
    })

    test('its hook stands before what people wrote, and goes without a trace', () => {
      install()
      expect(readFileSync(script(), 'utf8')).toBe(`#!/bin/sh\n${hook()}${user.slice('#!/bin/sh\n'.length)}`)
      expect(statSync(script()).mode & 0o777).toBe(0o750)
      expect(install('--unhook')).toEqual({ status: 0, said: '' })
      expect(readFileSync(script(), 'utf8')).toBe(user)
      expect(installed()).toEqual(everything)

      rmSync(script())
      install()
      expect(readFileSync(script(), 'utf8')).toBe(`#!/bin/sh\n${hook(', with this file')}`)
      expect(statSync(script()).mode & 0o777).toBe(0o755)
      install('--unhook')
      expect(existsSync(script())).toBe(false)
    })

    test.each<[string, (text: string) => string]>([
      ['the end', (text) => text.replace('# nat64-forge: end\n', '')],
      ['the beginning', (text) => text.replace(/^# nat64-forge: begin.*\n/m, '')],
      ['their order', (text) => text.replace(/^(# nat64-forge: begin.*\n)([^]*)(# nat64-forge: end\n)/m, '$3$2$1')],
      ['their number', (text) => `${text}# nat64-forge: end\n`],
    ])('its hook is not taken out by marks that somebody has changed: %s', (_name, change) => {
      install()
      const changed = change(readFileSync(script(), 'utf8'))
      writeFileSync(script(), changed)
      const { status, said } = install('--unhook')
      expect(said).toBe(`nat64-forge: ${script()} has not one \`# nat64-forge: begin\` and one \`# nat64-forge: end\` below it; it is as it was: take out by hand what calls ${folder()}/install\n`)
      expect(status).toBe(65)
      expect(readFileSync(script(), 'utf8')).toBe(changed)
    })

    test('where there is no hook, nothing is taken out', () => {
      expect(install('--unhook')).toEqual({ status: 0, said: '' })
      rmSync(script())
      expect(install('--unhook')).toEqual({ status: 0, said: '' })
    })

    test('its hook goes into what a symbolic link names, and the link stays', () => {
      const target = join(config, 'scripts/mine')
      renameSync(script(), target)
      symlinkSync('mine', script())
      install()
      expect(readlinkSync(script())).toBe('mine')
      expect(readFileSync(target, 'utf8')).toBe(`#!/bin/sh\n${hook()}${user.slice('#!/bin/sh\n'.length)}`)
      expect(install('--unhook').status).toBe(0)
      expect(readlinkSync(script())).toBe('mine')
      expect(readFileSync(target, 'utf8')).toBe(user)

      rmSync(target)
      install()
      expect(readFileSync(target, 'utf8')).toBe(`#!/bin/sh\n${hook(', with this file')}`)
      install('--unhook')
      expect(existsSync(target)).toBe(false)
      rmSync(script())
      symlinkSync('/none/mine', script())
      expect(install()).toMatchObject({ status: 69, said: expect.stringContaining(`${script()} is a link to nowhere`) as string })
      expect(readlinkSync(script())).toBe('/none/mine')
    })

    test.each([
      ['#!/usr/bin/python3\nprint()\n', 0o755, 'is no shell script'],
      [user, 0o640, 'is not executable, so VyOS does not run it'],
    ])('a script that cannot have the hook stays as it is: %j', (text, mode, why) => {
      writeFileSync(script(), text)
      chmodSync(script(), mode)
      const { status, said } = install()
      expect(status).toBe(69)
      expect(said).toContain(`${script()} ${why}`)
      expect(readFileSync(script(), 'utf8')).toBe(text)
      expect(installed()).toEqual(everything)
    })

    test('after an upgrade of the image the hook installs it, and VyOS migrates the configuration', () => {
      install('--no-hook')
      expect(readFileSync(script(), 'utf8')).toBe(user)
      // A new root, /config as it was.
      rmSync(router.root, { recursive: true })
      mkdirSync(dirname(router.root), { recursive: true })
      standInVyosAgain()
      const migration = join(router.root, 'usr/libexec/vyos/run-config-migration.py')
      writeFileSync(migration, '', { mode: 0o755 })
      writeFileSync(join(dir, 'log'), '')
      expect(install('--boot').status).toBe(0)
      expect(readFileSync(join(dir, 'log'), 'utf8')).toBe(`-t nat64-forge -- installed: jool-tools jool-modules-6.6.54-vyos nat64ctl tayga vyos-nat64\nsg vyattacfg -c ${migration} ${config}/config.boot\n`)
      writeFileSync(join(dir, 'log'), '')
      install('--boot')
      expect(readFileSync(join(dir, 'log'), 'utf8')).toBe('')
    })
    /** As `beforeEach` left it. */
    function standInVyosAgain(): void {
      for (const [path, text] of Object.entries(before)) {
        mkdirSync(dirname(join(router.root, path)), { recursive: true })
        if (text === 'folder') mkdirSync(join(router.root, path), { recursive: true })
        else if (text.startsWith('-> ')) symlinkSync(text.slice('-> '.length), join(router.root, path))
        else writeFileSync(join(router.root, path), text)
      }
      execFileSync('cp', ['-a', join(dir, 'dpkg'), join(router.root, 'var/lib/dpkg')])
    }
    beforeEach(() => { execFileSync('cp', ['-a', join(router.root, 'var/lib/dpkg'), join(dir, 'dpkg')]) })

    test('on another kernel VyOS keeps its own Jool, and everything else is installed', () => {
      writeFileSync(join(dir, 'kernel'), '6.6.58-vyos\n')
      const { status, said } = install('--boot')
      expect(status).toBe(0)
      expect(said).toContain('nat64-forge: the modules here are for the kernel 6.6.54-vyos, and this is 6.6.58-vyos: Jool is left out, everything else is installed')
      expect(readFileSync(join(dir, 'log'), 'utf8')).toContain('-t nat64-forge -- the modules here are for the kernel 6.6.54-vyos, and this is 6.6.58-vyos')
      expect(installed()).toEqual(['jool 4.1.9+git', 'nat64ctl 0.1.0-1', 'tayga 0.9.2-8', 'vyos-nat64 0.1.0-1'])
      expect(readFileSync(join(router.root, 'usr/bin/jool'), 'utf8')).toBe('shipped\n')
    })

    test('where dpkg refuses Jool, the rest is installed, and that is told', () => {
      writeFileSync(join(dir, 'refuse'), 'jool-tools_')
      const { status, said } = install()
      expect(said).toContain('nat64-forge: dpkg failed:\ndpkg: no\n')
      expect(said).toContain('nat64-forge: Jool is not installed; rules with `engine tayga` work\n')
      expect(status).toBe(69)
      expect(installed()).toEqual(['jool 4.1.9+git', 'nat64ctl 0.1.0-1', 'tayga 0.9.2-8', 'vyos-nat64 0.1.0-1'])
      expect(readFileSync(script(), 'utf8')).toBe(`#!/bin/sh\n${hook()}${user.slice('#!/bin/sh\n'.length)}`)
      expect(install('--boot').status).toBe(0)
    })

    test('where dpkg refuses Jool at boot, VyOS migrates the configuration all the same', () => {
      writeFileSync(join(dir, 'refuse'), 'jool-tools_')
      const migration = join(router.root, 'usr/libexec/vyos/run-config-migration.py')
      writeFileSync(migration, '', { mode: 0o755 })
      expect(install('--boot').status).toBe(0)
      expect(readFileSync(join(dir, 'log'), 'utf8')).toContain(`sg vyattacfg -c ${migration} ${config}/config.boot\n`)
    })

    test('where dpkg refuses everything, nothing is migrated, and the hook tries again', () => {
      writeFileSync(join(dir, 'refuse'), 'nat64ctl_')
      writeFileSync(join(router.root, 'usr/libexec/vyos/run-config-migration.py'), '', { mode: 0o755 })
      expect(install('--boot').status).toBe(0)
      expect(readFileSync(join(dir, 'log'), 'utf8')).not.toContain('sg vyattacfg')
      const { status, said } = install()
      expect(said).toContain('nat64-forge: not everything is installed; `dpkg --audit` says what is not')
      expect(status).toBe(69)
      expect(readFileSync(script(), 'utf8')).toContain(hook())
    })

    test('without TAYGA nobody is told that its rules work', async () => {
      rmSync(folder(), { recursive: true })
      execFileSync('tar', ['--extract', '--file', (await bundle(debs.filter((path) => path !== deb('tayga')))).path, '--directory', config])
      const without = 'TAYGA is not here either, so nothing translates with `engine tayga`'
      writeFileSync(join(dir, 'kernel'), '6.6.58-vyos\n')
      expect(install('--no-hook').said).toContain(`Jool is left out, everything else is installed; ${without}. For Jool,`)
      writeFileSync(join(dir, 'kernel'), `${release}\n`)
      writeFileSync(join(dir, 'refuse'), 'jool-tools_')
      expect(install('--no-hook')).toMatchObject({ status: 69, said: expect.stringContaining(`Jool is not installed; ${without}\n`) as string })
      router.dpkg('--install', deb('tayga'))
      expect(install('--no-hook')).toMatchObject({ status: 69, said: expect.stringContaining('Jool is not installed; rules with `engine tayga` work\n') as string })
    })

    test('half an installation is finished', () => {
      router.dpkg('--unpack', join(folder(), 'packages/nat64ctl_0.1.0-1_all.deb'))
      router.dpkg('--unpack', '--force-depends', join(folder(), 'packages/vyos-nat64_0.1.0-1_all.deb'))
      expect(install('--boot').status).toBe(0)
      expect(installed()).toEqual(everything)
    })

    test('what is newer stays, and what was built anew under the same version is taken', () => {
      install('--no-hook')
      const newer = madeUpDeb('tayga', '0.9.6-1')
      router.dpkg('--install', newer)
      expect(install('--boot')).toEqual({ status: 0, said: '' })
      expect(installed()).toContain('tayga 0.9.6-1')
      appendFileSync(join(router.root, 'var/lib/dpkg/info/jool-tools.md5sums'), 'other\n')
      expect(install('--boot').said).toBe('nat64-forge: installed: jool-tools\n')
    })

    /** As `dpkg --set-selections` notes it, which is what apt-mark uses. */
    const hold = (...names: string[]): void => {
      const status = join(router.root, 'var/lib/dpkg/status')
      writeFileSync(status, readFileSync(status, 'utf8').split('\n\n').map((paragraph) => (
        names.some((name) => paragraph.startsWith(`Package: ${name}\n`)) ? paragraph.replace('Status: install ', 'Status: hold ') : paragraph
      )).join('\n\n'))
    }

    test('what is held counts as there, and an older one is left with what belongs to it', () => {
      install('--no-hook')
      hold('nat64ctl', 'tayga', 'jool-tools')
      expect(install('--boot')).toEqual({ status: 0, said: '' })
      const state = (): string => execFileSync(join(dir, 'bin/dpkg-query'), ['--show', '--showformat', '${db:Status-Abbrev}${Package} ${Version}\n', 'nat64ctl', 'tayga'], { encoding: 'utf8' })
      router.dpkg('--install', madeUpDeb('tayga', '0.9.1-1'))
      router.dpkg('--remove', 'vyos-nat64')
      router.dpkg('--install', madeUpDeb('nat64ctl', '0.0.9-1'))
      hold('nat64ctl', 'tayga')
      const before = state()
      expect(before).toContain('hi nat64ctl 0.0.9-1\nhi tayga 0.9.1-1\n')
      expect(install()).toMatchObject({ status: 0, said: expect.stringContaining('nat64-forge: nat64ctl is held at 0.0.9-1, and here is 0.1.0-1: left as it is, with what belongs to it; `apt-mark unhold nat64ctl` lets it go\n') as string })
      expect(install('--boot').said).toContain('nat64-forge: tayga is held at 0.9.1-1')
      expect(state()).toBe(before)
      expect(installed().join()).not.toContain('vyos-nat64')
    })

    test('what the administrator has removed stays away at boot, and comes back by hand', () => {
      // The modules have scripts, which dpkg keeps, and remembers a removed package by. VyOS's own package needs some Jool.
      install('--no-hook')
      const name = 'jool-modules-6.6.54-vyos'
      expect(router.dpkg('--remove', '--force-depends', name, 'jool-tools').status).toBe(0)
      expect(execFileSync(join(dir, 'bin/dpkg-query'), ['--show', '--showformat', '${db:Status-Abbrev}', name], { encoding: 'utf8' })).toBe('rc ')
      const rest = everything.filter((each) => !each.startsWith('jool'))
      expect(install('--boot')).toEqual({
        status: 0, said: ['jool-tools', name].map((each) => `nat64-forge: ${each} was removed here, and is left out with what belongs to it; \`${folder()}/install\` installs it again\n`).join(''),
      })
      expect(installed()).toEqual(rest)
      expect(router.dpkg('--remove', 'tayga').status).toBe(0)
      writeFileSync(join(dir, 'kernel'), '6.6.58-vyos\n')
      appendFileSync(join(router.root, 'var/lib/dpkg/status'), 'Package: tayga\nStatus: deinstall ok config-files\nVersion: 0.9.2-8\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: made up\n\n')
      expect(install('--boot').said).toContain('TAYGA is not here either')
      writeFileSync(join(dir, 'kernel'), `${release}\n`)
      expect(install('--no-hook').status).toBe(0)
      expect(installed()).toEqual(everything)
    })

    test('a removal of vyos-nat64 names what takes the hook out', async () => {
      rmSync(folder(), { recursive: true })
      execFileSync('tar', ['--extract', '--file', (await bundle(real)).path, '--directory', config])
      install()
      const where = join(router.root, 'opt/vyatta/etc/config/scripts/vyos-preconfig-bootup.script')
      mkdirSync(dirname(where), { recursive: true })
      copyFileSync(script(), where)
      const said = `vyos-nat64: /opt/vyatta/etc/config/scripts/vyos-preconfig-bootup.script installs this package again after an upgrade of the image; \`${folder()}/install --unhook\` takes that out`
      expect(router.dpkg('--remove', 'vyos-nat64').output).toContain(said)
      router.dpkg('--install', join(folder(), 'packages/vyos-nat64_0.1.0-1_all.deb'))
      writeFileSync(where, user)
      expect(router.dpkg('--remove', 'vyos-nat64').output).not.toContain('--unhook')
    })

    test.each<[string, () => void, string]>([
      ['a tampered package', () => { appendFileSync(join(folder(), 'packages/nat64ctl_0.1.0-1_all.deb'), 'x') }, 'packages/nat64ctl_0.1.0-1_all.deb: FAILED'],
      ['a tampered installer', () => { appendFileSync(join(folder(), 'install'), '# x\n') }, 'install: FAILED'],
      ['a missing package', () => { rmSync(join(folder(), 'packages/tayga_0.9.2-8_all.deb')) }, 'packages/tayga_0.9.2-8_all.deb: FAILED open or read'],
      ['a cut archive', () => {
        const cut = join(dir, 'cut.tar')
        copyFileSync(archive.path, cut)
        // In the last package: behind it are only the list, and zeros.
        truncateSync(cut, readFileSync(cut, 'latin1').lastIndexOf('nat64-forge/packages.list') - 512)
        renameSync(folder(), join(dir, 'whole'))
        expect(() => { execFileSync('tar', ['--extract', '--file', cut, '--directory', config], { stdio: 'pipe' }) }).toThrow()
      }, 'is missing: unpack the archive again'],
      ['sums that are gone', () => { rmSync(join(folder(), 'SHA256SUMS')) }, 'SHA256SUMS is missing: unpack the archive again'],
    ])('%s is refused before anything is done, and a boot goes on', (_name, damage, why) => {
      damage()
      const { status, said } = install()
      expect(said).toContain(why)
      expect(said).toContain('nothing was changed')
      expect(status).toBe(65)
      expect(install('--boot').status).toBe(0)
      expect(picture(router.root, /^(run|var\/lib\/dpkg)(\/|$)/)).toEqual(Object.fromEntries(Object.entries(before).filter(([path]) => !/^run(\/|$)/.test(path))))
      expect(readFileSync(script(), 'utf8')).toBe(user)
    })

    test('a /config that cannot be written to is told; the packages are installed, also at boot', () => {
      execFileSync('mount', ['--bind', config, config])
      execFileSync('mount', ['-o', 'remount,bind,ro', config])
      try {
        const { status, said } = install()
        expect(status).toBe(69)
        expect(said).toContain(`${config}/scripts cannot be written to; the packages are installed`)
        expect(installed()).toEqual(everything)
        expect(install('--boot')).toEqual({ status: 0, said: '' })
      } finally {
        execFileSync('umount', [config])
      }
    })

    test('unpacked anywhere but in VyOS\'s configuration folder it only installs, and says what that is worth', () => {
      rmSync(join(router.root, 'config'))
      const { status, said } = install()
      expect(said).toBe(`nat64-forge: installed: jool-tools jool-modules-6.6.54-vyos nat64ctl tayga vyos-nat64\nnat64-forge: ${folder()} is not in /config: an upgrade of the image will lose the packages, and nothing will install them again. To have it done, unpack the archive in /config, and run \`install\` there\n`)
      expect(status).toBe(69)
      expect(installed()).toEqual(everything)
      expect(readFileSync(script(), 'utf8')).toBe(user)
      expect(install('--no-hook')).toEqual({ status: 0, said: '' })

      // The other name of the folder, and the same folder by another path.
      mkdirSync(join(router.root, 'opt/vyatta/etc'), { recursive: true })
      rmSync(join(router.root, 'opt/vyatta/etc/config'), { recursive: true })
      symlinkSync(config, join(router.root, 'opt/vyatta/etc/config'))
      expect(install().status).toBe(0)
      expect(readFileSync(script(), 'utf8')).toContain(hook())
    })

    test('it waits five minutes for another installation, and then says so', async () => {
      const lock = join(router.root, 'run/nat64-forge.lock')
      mkdirSync(dirname(lock), { recursive: true })
      // Its own time is only noted here.
      writeFileSync(join(dir, 'bin/flock'), `#!/bin/sh\necho "flock $*" >> ${dir}/log\nexec /usr/bin/flock -w 1 9\n`, { mode: 0o755 })
      const holder = spawn('/usr/bin/flock', [lock, 'sh', '-c', 'echo held; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
      try {
        await once(holder.stdout, 'data')
        expect(install()).toEqual({ status: 69, said: `nat64-forge: another installation has had ${lock} for five minutes; nothing was changed: \`fuser -v ${lock}\` says which\n` })
        expect(install('--boot').status).toBe(0)
        expect(readFileSync(join(dir, 'log'), 'utf8')).toMatch(/^flock -w 300 9\n/)
        expect(installed()).toEqual(['jool 4.1.9+git'])
      } finally {
        if (holder.pid !== undefined) process.kill(-holder.pid)
      }
    })

    test('what a package starts does not keep the lock', () => {
      const lock = join(router.root, 'run/nat64-forge.lock')
      const real = readFileSync(join(dir, 'bin/dpkg'), 'utf8')
      writeFileSync(join(dir, 'bin/dpkg'), real.replace('#!/bin/sh\n', `#!/bin/sh\n[ ! -e /proc/self/fd/9 ] || echo "dpkg has the lock" >> ${dir}/log\n`))
      expect(install('--no-hook').status).toBe(0)
      expect(existsSync(lock)).toBe(true)
      expect(readFileSync(join(dir, 'log'), 'utf8')).not.toContain('dpkg has the lock')
    })

    test('words that it does not know are an error', () => {
      expect(install('--now')).toMatchObject({ status: 64 })
      expect(install('--boot', '--unhook')).toMatchObject({ status: 64 })
    })
  })
})
