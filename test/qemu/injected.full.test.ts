import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Injection } from '../../images/inject/artifact.ts'
import type { InspectReport } from '../../images/inspect/artifact.ts'
import { shortSet, type CheckId } from '../../images/smoke/checks/catalogue.ts'
import { planBoots } from '../../images/smoke/plan.ts'
import { smokeIso } from '../../images/smoke/run.ts'
import { smokeSpec, type IsoMedium, type RouterCheck } from '../../images/smoke/spec.ts'
import { localPool } from '../../scripts/lib/build-root.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { program } from '../support/cli.ts'
import { chosenPart, conformancePart, withVerdict } from '../support/conformance-part.ts'
import { installToDisk, installTools } from '../support/install-to-disk.ts'
import { liveBuildIso, liveBuildTools } from '../support/live-build-iso.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const hours = 60 * 60_000
const tools = needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'bwrap', ...installTools, ...liveBuildTools) && process.getuid?.() === 0

interface Built {
  iso: string
  /** A folder with the packages of the project. */
  packages: string
  out: string
}

// What inject makes of images of other people's: each boots under both firmwares, and packets go through it.
describe.skipIf(!tools)('an injected image', { timeout: 2 * hours }, () => {
  let dir: string
  let store: string
  let session: Session
  /** Debian's packages that ours need and an image may lack, and TAYGA. */
  let folder: string
  let reference: Built
  /** Of its kernel, which is Debian's. */
  let release: string

  const path = (...names: string[]): string => join(dir, ...names)
  const forge = async (...words: string[]): Promise<string> => (await session.exec([process.execPath, program, ...words], { cwd: dir, timeoutMs: 2 * hours })).stdout
  const build = async (target: string, ...words: string[]): Promise<Built> => {
    await forge('build', '--target', target, '--until', 'iso', ...words, '--store', store, '--out', path('out'))
    const out = path('out', target)
    return { iso: join(out, `${target}-router.iso`), packages: join(out, 'packages'), out }
  }
  const inspect = async (iso: string): Promise<InspectReport> => JSON.parse(await forge('inspect', iso, '--json')) as InspectReport
  const inject = async (iso: string, to: string, ...words: string[]): Promise<Injection> =>
    JSON.parse(await forge('inject', iso, ...words, '--output', path(to), '--json', '--store', path('inject-store'))) as Injection
  /** Packages in a folder by the beginning of their names. */
  const debs = async (from: string, ...names: string[]): Promise<string[]> => {
    const files = (await readdir(from)).filter((name) => name.endsWith('.deb'))
    return names.map((name) => {
      const found = files.filter((file) => file.startsWith(name))
      expect(found, `${name}* in ${files.join(' ')}`).toHaveLength(1)
      return join(from, found[0] ?? '')
    })
  }
  /** The checks of a boot under BIOS and one under UEFI that did not pass. The reference router's own tests ask for more: here it is about the image. */
  const smoke = async (medium: Parameters<typeof smokeIso>[0]['medium'], expected: { kernelRelease: string; joolVersion: string }, also: readonly CheckId[] = ['reboot', 'units-after-reboot'], on: IsoMedium = 'cd', checks: readonly RouterCheck[] = []): Promise<string[]> => {
    const [workDir, outDir] = [await mkdtemp(path('lab-')), await mkdtemp(path('evidence-'))]
    const plan = planBoots(smokeSpec.parse({ driver: 'reference', medium: on, checks }), 'router', expected)
    const asked: ReadonlySet<CheckId> = new Set([...shortSet, 'units', ...also])
    const { boots } = await smokeIso({
      medium, plan: { ...plan, boots: plan.boots.map((boot) => ({ ...boot, checks: boot.checks.filter((id) => asked.has(id)) })) },
      exec: session.exec, log: session.log, signal: session.options.signal, workDir, outDir,
    })
    expect(boots.map(({ firmware, checks }) => [firmware, checks.some(({ id, verdict }) => id === 'tcp-small' && verdict === 'pass')]), JSON.stringify(boots, null, 1)).toEqual([['bios', true], ['uefi', true]])
    return boots.flatMap(({ firmware, checks }) => checks.filter(({ verdict }) => verdict !== 'pass').map(({ id, detail }) => `${firmware}/${id}: ${detail}`))
  }
  /** Twice the same, the second time in another minute and time zone, with other permissions for new files and a store whose name is longer. */
  const expectSameBytes = async (iso: string, name: string, ...words: string[]): Promise<void> => {
    const one = await inject(iso, `${name}-1.iso`, ...words)
    await setTimeout(60_000 - Date.now() % 60_000)
    const { stdout } = await session.exec(['sh', '-ec', 'umask 077; exec "$@"', 'sh', process.execPath, program, 'inject', iso, ...words, '--output', path(`${name}-2.iso`), '--json', '--store', path('a-store-whose-name-is-quite-a-bit-longer')], { cwd: dir, timeoutMs: 2 * hours, env: { TZ: 'Pacific/Auckland' } })
    expect((JSON.parse(stdout) as Injection).iso?.sha256).toBe(one.iso?.sha256)
  }
  const works = ({ engines }: InspectReport): Record<string, string> => Object.fromEntries(engines.filter(({ engine, mode }) => engine !== 'Jool SIIT' && mode !== 'iptables').map((verdict) => [verdict.engine, verdict.works]))
  const what = ({ packages }: Injection): string[] => packages.map(({ name, was }) => `${was} ${name}`)
  const gone = ({ removed }: Injection): string[] => removed.map(({ name }) => name).sort()
  const joolVersion = async (packages: string): Promise<string> => /jool-tools_(\d+\.\d+\.\d+)/.exec((await debs(packages, 'jool-tools_'))[0] ?? '')?.[1] ?? ''
  /** Files of an image's root, unpacked. */
  const unpacked = async (iso: string, ...files: string[]): Promise<{ medium: string; root: string }> => {
    const [medium, root] = [`${iso}.files`, `${iso}.root`]
    await session.exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', '/', medium])
    await session.exec(['sha256sum', '--check', '--strict', '--quiet', 'sha256sum.txt'], { cwd: medium })
    await session.exec(['unsquashfs', '-quiet', '-no-progress', '-dest', root, join(medium, 'live/filesystem.squashfs'), ...files])
    return { medium, root }
  }

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    store = await testStore()
    session = await Session.open({
      storeDir: store, outDir: path('session'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false, jobs: 2, signal: new AbortController().signal, emit: () => undefined,
    })
    const index = await session.archive.open('bookworm', 'amd64')
    folder = await localPool(await index.exactly(['tayga', 'libnl-3-200', 'libnl-genl-3-200', 'libxtables12']), path('debian'), { exec: session.exec, fetch: session.fetch, workDir: dir })
    reference = await build('debian-12', '--fast')
    const [kernel] = (await inspect(reference.iso)).kernels
    release = kernel?.release ?? ''
    return () => session[Symbol.asyncDispose]()
  }, 2 * hours)

  describe('of the reference router that had no translator', () => {
    let taken: Injection

    beforeAll(async () => {
      await writeFile(path('take-away'), '#!/bin/sh\nset -e\ndpkg --purge --force-remove-protected $(dpkg-query --show --showformat \'${Package}\\n\' \'jool-*\' nat64ctl tayga)\n')
      taken = await inject(reference.iso, 'bare.iso', '--script', path('take-away'))
      expect(gone(taken)).toEqual([`jool-modules-${release}`, 'jool-modules-amd64', 'jool-tools', 'nat64ctl', 'tayga'])
      expect(works(await inspect(path('bare.iso')))).toEqual({ 'Jool NAT64': 'with-packages', 'TAYGA': 'with-packages' })
    }, hours)

    it('translates under BIOS and UEFI, and after a reboot', async () => {
      const injected = await inject(path('bare.iso'), 'reference.iso', ...await debs(reference.packages, 'jool-modules-6', 'jool-modules-amd64', 'jool-tools', 'nat64ctl'), ...await debs(folder, 'tayga'))
      expect(what(injected)).toEqual(gone(taken).map((name) => `installed ${name}`))
      expect(works(await inspect(path('reference.iso')))).toEqual({ 'Jool NAT64': 'now', 'TAYGA': 'now' })
      expect(await smoke({ iso: path('reference.iso') }, { kernelRelease: release, joolVersion: await joolVersion(reference.packages) })).toEqual([])
    })

    it('starts from a USB stick as it did before, under BIOS and UEFI', async () => {
      const expected = { kernelRelease: release, joolVersion: await joolVersion(reference.packages) }
      for (const iso of [reference.iso, path('reference.iso')]) expect(await smoke({ iso }, expected, [], 'usb'), iso).toEqual([])
    })

    it('translates from a layer, which live-boot lays on the image\'s own root, under BIOS and UEFI; what a layer takes away is gone', async () => {
      await writeFile(path('take-and-give'), '#!/bin/sh\nset -e\nrm -r /usr/share/base-files/motd /usr/share/common-licenses\nmkdir /usr/share/common-licenses\necho new > /usr/share/common-licenses/new\n')
      await inject(path('bare.iso'), 'layer.iso', ...await debs(reference.packages, 'jool-modules-6', 'jool-modules-amd64', 'jool-tools', 'nat64ctl'), ...await debs(folder, 'tayga'), '--mode', 'layer', '--script', path('take-and-give'))
      expect(works(await inspect(path('layer.iso')))).toEqual({ 'Jool NAT64': 'now', 'TAYGA': 'now' })
      expect(await smoke({ iso: path('layer.iso') }, { kernelRelease: release, joolVersion: await joolVersion(reference.packages) }, undefined, 'cd', [
        { id: 'whiteouts', title: 'what the layer takes away is gone', router: 'echo $(ls /usr/share/common-licenses) $(ls /usr/share/base-files/motd 2>/dev/null) $(ls /run/live/rootfs)', prints: 'new filesystem.squashfs zz-nat64-forge.squashfs' },
      ])).toEqual([])
    })
  })

  describe('of Debian\'s live-build, with VyOS\'s options', () => {
    beforeAll(async () => {
      const iso = await liveBuildIso(release, session)
      const report = await inspect(iso)
      expect(report.iso).toMatchObject({ volumeId: 'VyOS', boot: [{ platform: 'bios', path: 'isolinux/isolinux.bin' }, { platform: 'uefi', path: 'boot/grub/efi.img' }], checksumFile: { path: 'sha256sum.txt', coversSquashfs: true } })
      expect(report.squashfs).toMatchObject({ compressor: 'xz', compressorOptions: expect.stringContaining('x86'), blockSizeBytes: 262144, flags: expect.arrayContaining(['always-use-fragments']) })
      expect(works(report)).toEqual({ 'Jool NAT64': 'with-packages', 'TAYGA': 'with-packages' })
      const injected = await inject(iso, 'live-build.iso', ...await debs(reference.packages, 'jool-modules-6', 'jool-tools', 'nat64ctl'), ...await debs(folder, 'tayga'), '--packages', folder)
      expect(what(injected)).toEqual([`jool-modules-${release}`, 'jool-tools', 'libnl-3-200', 'libnl-genl-3-200', 'nat64ctl', 'tayga'].map((name) => `installed ${name}`))
    }, hours)

    it('translates under BIOS and UEFI', async () => {
      // Its boot menus say `nopersistence`, as VyOS's do: nothing outlives a reboot.
      expect(await smoke({ iso: path('live-build.iso') }, { kernelRelease: release, joolVersion: await joolVersion(reference.packages) }, [])).toEqual([])
    })

    it('starts from a USB stick too, under BIOS and UEFI', async () => {
      expect(await smoke({ iso: path('live-build.iso') }, { kernelRelease: release, joolVersion: await joolVersion(reference.packages) }, [], 'usb')).toEqual([])
    })

    it('has the same bytes whenever, wherever and by whomever it is made', async () => {
      await expectSameBytes(await liveBuildIso(release, session), 'again', ...await debs(reference.packages, 'jool-modules-6', 'jool-tools', 'nat64ctl'), ...await debs(folder, 'tayga'), '--packages', folder)
    })

    it('does through nat64ctl, with Jool and with TAYGA, what the RFCs ask', async () => {
      const run = await conformancePart({ ...chosenPart, modes: ['inline'] }, path('live-build.iso'), path('table'), session.exec)
      expect(['fail', 'limit-gone'].map((verdict) => withVerdict(run, verdict))).toEqual([[], []])
      for (const setup of ['nat64ctl-jool-inline', 'nat64ctl-tayga']) expect(withVerdict(run, 'pass').filter((line) => line.startsWith(setup))).not.toEqual([])
    })
  })

  describe('in VyOS\'s form, whose kernel loads only modules signed with it', () => {
    let shaped: Built
    let own: { kernelRelease: string; joolVersion: string }

    beforeAll(async () => {
      shaped = await build('vyos-shaped')
      const before = await inspect(shaped.iso)
      own = { kernelRelease: before.kernels[0]?.release ?? '', joolVersion: await joolVersion(shaped.packages) }
      expect(before.jool?.package).toMatchObject({ name: 'jool' })
      const injected = await inject(shaped.iso, 'shaped.iso', ...await debs(shaped.packages, 'jool-modules-', 'jool-tools', 'nat64ctl'))
      expect(what(injected)).toEqual([`installed jool-modules-${own.kernelRelease}`, 'installed jool-tools', 'installed nat64ctl'])
      expect(gone(injected)).toEqual(['jool'])
      expect(works(await inspect(path('shaped.iso')))).toEqual({ 'Jool NAT64': 'now', 'TAYGA': 'now' })
    }, 2 * hours)

    it('translates under BIOS and UEFI, and after a reboot', async () => {
      expect(await smoke({ iso: path('shaped.iso') }, own)).toEqual([])
    })

    it('translates when it is installed on a disk, which takes nothing but filesystem.squashfs from the ISO, under BIOS and UEFI, and after a reboot', async () => {
      await mkdir(path('install'))
      await installToDisk(path('shaped.iso'), path('disk.img'), path('install'), session.exec)
      expect(await smoke({ installedDisk: path('disk.img') }, own)).toEqual([])
    })

    it('gives its kernel to the reference router, with `--kernel replace`: the old one is gone, and it translates under BIOS and UEFI', async () => {
      const injected = await inject(reference.iso, 'replaced.iso', '--kernel', 'replace', ...await debs(join(shaped.out, 'kernel'), 'linux-image-'), ...await debs(shaped.packages, 'jool-modules-', 'jool-tools', 'nat64ctl'))
      expect(injected).toMatchObject({ kernel: own.kernelRelease, initrds: [own.kernelRelease] })
      expect(gone(injected)).toEqual([`jool-modules-${release}`, 'jool-modules-amd64', `linux-image-${release}`, 'linux-image-amd64'])
      expect((await inspect(path('replaced.iso'))).kernels.map((kernel) => kernel.release)).toEqual([own.kernelRelease])
      const { medium, root } = await unpacked(path('replaced.iso'), 'boot', 'usr/lib/modules')
      expect(await readdir(join(root, 'usr/lib/modules'))).toEqual([own.kernelRelease])
      expect((await readdir(join(root, 'boot'))).filter((name) => name.includes(release))).toEqual([])
      for (const name of ['vmlinuz', 'initrd.img']) expect(await sha256File(join(medium, 'live', name))).toBe(await sha256File(join(root, 'boot', `${name}-${own.kernelRelease}`)))
      expect(await smoke({ iso: path('replaced.iso') }, own)).toEqual([])
    })

    it('gives it to the same bytes whenever, wherever and by whomever that is done', async () => {
      await expectSameBytes(reference.iso, 'kernel', '--kernel', 'replace', ...await debs(join(shaped.out, 'kernel'), 'linux-image-'), ...await debs(shaped.packages, 'jool-modules-', 'jool-tools', 'nat64ctl'))
    })
  })
})
