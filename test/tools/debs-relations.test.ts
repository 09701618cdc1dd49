import { describe, expect, test } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { kernel56, kernel56Update, kernel57, kernel58, plansFor, type Kernel } from '../support/debs-plans.ts'
import { askApt, parseControl, type Control } from '../support/private-apt.ts'
import { needsTools } from '../support/tools.ts'

const pkg = (name: string, version: string, more: Control = {}): Control =>
  ({ Package: name, Version: version, Architecture: 'amd64', Priority: 'optional', Section: 'kernel', Description: name, ...more })

/** The two packages of a Debian kernel, with the fields that Debian gives them. */
function debianKernel({ release, version, flavour = 'amd64' }: Kernel): Control[] {
  const from = { Source: `linux-signed-amd64 (${version.replace('-', '+')})` }
  return [
    pkg(`linux-image-${release}`, version, from),
    pkg(`linux-image-${flavour}`, version, { ...from, Depends: `linux-image-${release} (= ${version})`, Provides: `linux-image-generic, linux-latest-modules-${release}` }),
  ]
}
const imageOf = (kernel: Kernel): Control[] => debianKernel(kernel).slice(0, 1)

const ours = (kernel: Kernel, options: Parameters<typeof plansFor>[1] = {}): Control[] =>
  plansFor(kernel, options).packages.filter(({ source }) => source.name === 'jool').map(({ control }) => {
    const { 'Installed-Size': _, ...fields } = parseControl(control)
    return fields
  })
const modulesOf = (kernel: Kernel, options: Parameters<typeof plansFor>[1] = {}): Control[] => ours(kernel, options).slice(0, 1)
const named = (controls: readonly Control[]): string[] => controls.map((control) => `${String(control['Package'])} ${String(control['Version'])}`).sort()

const system = ['kmod', 'init-system-helpers'].map((name) => pkg(name, '99', { Essential: 'yes' }))
const debianRouter = [...system, ...debianKernel(kernel56)]
const router = [...debianRouter, ...ours(kernel56)]
const automatic = ['linux-image-6.1.0-56-amd64', 'jool-modules-6.1.0-56-amd64', 'jool-tools']
const debianTools = (version: string): Control => pkg('jool-tools', version, { Source: 'jool', Recommends: 'jool-dkms' })
const dkms = (version: string): Control => pkg('jool-dkms', version, { Source: 'jool', Architecture: 'all', Depends: 'kmod', Recommends: 'jool-tools' })

const nothing = { exitStatus: 0, installs: [], removes: [] }

describe.skipIf(!needsTools('apt-get'))('apt', { timeout: 60_000 }, () => {
  test('installs modules and tools by the metapackage\'s name', async () => {
    expect(await askApt({ installed: debianRouter, available: router }, ['install', 'jool-modules-amd64']))
      .toMatchObject({ exitStatus: 0, installs: named(ours(kernel56)), removes: [] })
  })

  test('does not install the protected metapackage where nobody asked for it', async () => {
    expect(await askApt({ installed: debianRouter, available: router }, ['dist-upgrade'])).toMatchObject(nothing)
  })

  describe('meeting a new kernel whose modules are not built yet', () => {
    const newKernel = debianKernel(kernel57)
    test.each([
      ['upgrade', ['upgrade']],
      ['upgrade with new packages', ['upgrade', '--with-new-pkgs']],
      ['full-upgrade', ['dist-upgrade']],
      ['unattended full-upgrade', ['dist-upgrade', '-y']],
    ])('%s holds the kernel back', async (_title, args) => {
      expect(await askApt({ installed: router, automatic, available: [...router, ...newKernel] }, args)).toMatchObject(nothing)
    })

    test('full-upgrade holds it back too when the archive has only the new kernel, and no repository has our packages', async () => {
      expect(await askApt({ installed: router, automatic, available: [...system, ...newKernel] }, ['dist-upgrade'])).toMatchObject(nothing)
    })

    test('asking for the new kernel\'s metapackage by name is refused', async () => {
      expect(await askApt({ installed: router, automatic, available: [...router, ...newKernel] }, ['install', '-y', 'linux-image-amd64']))
        .toMatchObject({ exitStatus: 100, installs: [], removes: [] })
    })
  })

  describe('installing nat64ctl', () => {
    const nat64ctl = plansFor(kernel56).packages.filter(({ name }) => name === 'nat64ctl').map(({ control }) => {
      const { 'Installed-Size': _, ...fields } = parseControl(control)
      return fields
    })
    const base = [
      ...debianRouter, pkg('python3', '3.11.2-1+b1'), pkg('iproute2', '6.1.0-3'), pkg('kmod', '30+20221128-1'), pkg('procps', '2:4.0.2-3'), pkg('nftables', '1.0.6-2+deb12u2'),
    ]
    const tayga = pkg('tayga', '0.9.2-8+deb12u1')

    test.each([
      ['beside Jool brings nothing else', [...base, ...ours(kernel56)], [], ['nat64ctl 0.1.0-1']],
      ['beside TAYGA brings nothing else', [...base, tayga], [], ['nat64ctl 0.1.0-1']],
      ['without a translator and without recommendations brings nothing else', base, ['--no-install-recommends'], ['nat64ctl 0.1.0-1']],
      ['without a translator brings Jool, which the configuration\'s default engine is', base, [], [...named(modulesOf(kernel56)), 'jool-tools 4.1.13+forge1-1', 'nat64ctl 0.1.0-1']],
    ])('%s', async (_title, installed, options, installs) => {
      expect(await askApt({ installed, available: [...base, ...ours(kernel56), ...nat64ctl, tayga] }, ['install', ...options, 'nat64ctl']))
        .toMatchObject({ exitStatus: 0, installs, removes: [] })
    })

    test('is refused where Python is older than 3.7', async () => {
      const old = [...debianRouter, pkg('python3', '3.5.3-1'), pkg('iproute2', '4.9.0-1'), pkg('kmod', '23-2'), pkg('procps', '2:3.3.12-3')]
      expect(await askApt({ installed: old, available: [...old, ...nat64ctl] }, ['install', 'nat64ctl'])).toMatchObject({ exitStatus: 100, installs: [], removes: [] })
    })
  })

  test.each(['upgrade --with-new-pkgs', 'dist-upgrade'])('%s brings a new kernel together with its modules', async (command) => {
    const newer = [...debianKernel(kernel57), ...ours(kernel57)]
    expect(await askApt({ installed: router, automatic, available: [...router, ...newer] }, command.split(' '))).toMatchObject({
      exitStatus: 0, installs: named(newer.filter((control) => control['Package'] !== 'jool-tools')), removes: [],
    })
  })

  test.each(['upgrade', 'dist-upgrade'])('%s lets an update of the same kernel ABI through', async (command) => {
    expect(await askApt({ installed: router, automatic, available: [...system, ...debianKernel(kernel56Update), ...ours(kernel56)] }, [command]))
      .toMatchObject({ exitStatus: 0, installs: named(debianKernel(kernel56Update)), removes: [] })
  })

  test('an unattended removal of the metapackage, or of what it needs, is refused', async () => {
    for (const name of ['jool-modules-amd64', 'jool-tools', 'linux-image-6.1.0-56-amd64', 'jool-modules-6.1.0-56-amd64']) {
      expect(await askApt({ installed: router, automatic, available: router }, ['remove', '-y', name]), name).toMatchObject({ exitStatus: 100 })
    }
  })

  describe('with several kernels', () => {
    const newest: Kernel = { release: '6.1.0-59-amd64', version: '6.1.220-1', flavour: 'amd64' }
    const older = [kernel56, kernel57, kernel58]
    const installed = [...system, ...older.flatMap((kernel) => [...imageOf(kernel), ...modulesOf(kernel)]), ...debianKernel(newest), ...ours(newest)]
    const kernelPackages = [...older, newest].flatMap(({ release }) => [`linux-image-${release}`, `jool-modules-${release}`])

    test('their modules stand side by side, and an old kernel goes with its modules', async () => {
      expect(await askApt({ installed, automatic: kernelPackages, available: installed }, ['remove', 'linux-image-6.1.0-56-amd64']))
        .toMatchObject({ exitStatus: 0, installs: [], removes: ['jool-modules-6.1.0-56-amd64', 'linux-image-6.1.0-56-amd64'] })
    })

    test('autoremove clears old kernels with their modules, as it does without ours', async () => {
      // Debian's defaults (01autoremove): what counts as belonging to a kernel.
      const debianDefaults = ['-o', 'APT::VersionedKernelPackages::=linux-.*', '-o', 'APT::VersionedKernelPackages::=.*-modules']
      expect(await askApt({ installed, automatic: [...kernelPackages, 'jool-tools'], available: installed }, ['autoremove', ...debianDefaults])).toMatchObject({
        exitStatus: 0,
        installs: [],
        removes: ['jool-modules-6.1.0-56-amd64', 'jool-modules-6.1.0-57-amd64', 'linux-image-6.1.0-56-amd64', 'linux-image-6.1.0-57-amd64'],
      })
    })

    test('a new Jool moves all of them at once', async () => {
      const next = [...older.flatMap((kernel) => modulesOf(kernel, { jool: '4.1.14' })), ...ours(newest, { jool: '4.1.14' })]
      expect(await askApt({ installed, automatic: [...kernelPackages, 'jool-tools'], available: [...installed, ...next] }, ['upgrade']))
        .toMatchObject({ exitStatus: 0, installs: named(next), removes: [] })
    })

    test('upgrade holds a new Jool back while one kernel lacks its modules', async () => {
      expect(await askApt({ installed, automatic: [...kernelPackages, 'jool-tools'], available: [...installed, ...ours(newest, { jool: '4.1.14' })] }, ['upgrade']))
        .toMatchObject(nothing)
    })
  })

  describe('tools and modules', () => {
    test.each(['upgrade', 'dist-upgrade'])('%s keeps our tools above Debian\'s revision of the same version', async (command) => {
      expect(await askApt({ installed: router, automatic, available: [...router, debianTools('4.1.13-1.1'), dkms('4.1.13-1.1')] }, [command])).toMatchObject(nothing)
    })

    test.each(['upgrade', 'dist-upgrade'])('%s does not take newer tools without modules of their version', async (command) => {
      expect(await askApt({ installed: router, automatic, available: [...router, debianTools('4.1.15-1'), dkms('4.1.15-1')] }, [command])).toMatchObject(nothing)
    })

    test('a mismatched pair cannot be installed, whichever half is newer', async () => {
      for (const [modules, tools] of [['4.1.13', '4.1.14'], ['4.1.14', '4.1.13']] as const) {
        const available = [...debianRouter, ...modulesOf(kernel56, { jool: modules }), ...ours(kernel56, { jool: tools }).slice(2)]
        expect(await askApt({ installed: debianRouter, available }, ['install', 'jool-modules-6.1.0-56-amd64', 'jool-tools'])).toMatchObject({ exitStatus: 100, installs: [] })
      }
    })

    test('a new revision of ours replaces all packages', async () => {
      const next = ours(kernel56, { revision: 2 })
      expect(await askApt({ installed: router, automatic, available: [...router, ...next] }, ['upgrade'])).toMatchObject({ exitStatus: 0, installs: named(next), removes: [] })
    })
  })

  describe('other packages of Jool', () => {
    test('Debian\'s DKMS package gives way to ours', async () => {
      const installed = [...debianRouter, debianTools('4.1.9-1'), dkms('4.1.9-1')]
      expect(await askApt({ installed, available: [...installed, ...ours(kernel56)] }, ['install', 'jool-modules-amd64']))
        .toMatchObject({ exitStatus: 0, installs: named(ours(kernel56)), removes: ['jool-dkms'] })
    })

    test('ours take the place of VyOS\'s jool, and what depends on jool stays', async () => {
      const installed = [...debianRouter, pkg('jool', '4.1.9+bf4c7e3669-1'), pkg('vyos-1x', '1', { Depends: 'jool' })]
      expect(await askApt({ installed, available: [...installed, ...ours(kernel56)] }, ['install', 'jool-modules-6.1.0-56-amd64']))
        .toMatchObject({ exitStatus: 0, installs: named([...ours(kernel56)].filter((control) => control['Package'] !== 'jool-modules-amd64')), removes: ['jool'] })
    })

    test('a newer real jool does not push ours out', async () => {
      const installed = [...router, pkg('vyos-1x', '1', { Depends: 'jool' })]
      expect(await askApt({ installed, automatic, available: [...installed, pkg('jool', '4.2-1')] }, ['dist-upgrade'])).toMatchObject(nothing)
    })
  })
})

describe.skipIf(!needsTools('dpkg'))('our version, by dpkg\'s order', () => {
  const exec = createExec({ log: silentLog })
  test.each([
    ['4.1.13+forge1-1', 'gt', '4.1.13-1'],
    ['4.1.13+forge1-1', 'gt', '4.1.13-1.1'],
    ['4.1.13+forge1-1', 'gt', '4.1.13-99+deb13u7'],
    ['4.1.13+forge1-1', 'lt', '4.1.13.0~'],
    ['4.1.13-99+deb13u7', 'lt', '4.1.13.0~'],
    ['4.1.13+forge1-1', 'lt', '4.1.13.1-1'],
    ['4.1.13+forge1-1', 'lt', '4.1.14-1'],
    ['4.1.13+forge2-1', 'gt', '4.1.13+forge1-1'],
    ['4.1.13+forge10-1', 'gt', '4.1.13+forge9-1'],
    ['4.1.13+forge1-1+linux6.1.192+2', 'gt', '4.1.13+forge1-1+linux6.1.176+1'],
    ['4.1.13+forge1-1+linux6.1.192+10', 'gt', '4.1.13+forge1-1+linux6.1.192+2'],
    ['4.1.13+forge1-1+linux6.12.48+1', 'gt', '4.1.13+forge1-1+linux6.12.48+1~bpo12+1'],
    ['4.1.13+forge2-1+linux6.1.176+1', 'gt', '4.1.13+forge1-1+linux6.1.192+2'],
  ])('%s %s %s', async (left, operator, right) => {
    expect((await exec(['dpkg', '--compare-versions', left, operator, right], { okStatus: [0, 1] })).exitStatus).toBe(0)
  })
})
