import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { beforeAll, describe, expect, test, vi } from 'vitest'
import { inject as injectInto, type Injection } from '../../images/inject/artifact.ts'
import { describeError } from '../../scripts/lib/describe-error.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { cli } from '../support/cli.ts'
import { debianLikeIso, debianLikeTools, debianPackage, imageDate, newRelease, oldRelease } from '../support/debian-like-iso.ts'
import { elfObject } from '../support/elf-object.ts'
import { bzImage, vmlinuxFile } from '../support/kernel-image.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools(...debianLikeTools) && process.getuid?.() === 0

let dir: string
let iso: string
let isoDigest: string

interface Outcome { status: number; result: Injection; stderr: string }
type Options = Partial<Omit<Parameters<typeof injectInto>[0], 'iso' | 'packages'>>

/** An injection into the common ISO, unless another is given: what the command would print, without starting it. */
async function inject(packages: readonly string[], options: Options = {}, from = iso): Promise<Outcome> {
  const workDir = await mkdtemp(join(dir, 'work-'))
  try {
    return { status: 0, stderr: '', result: await injectInto({ iso: from, packages, output: undefined, toolVersion: '1.2.3', exec, log: silentLog, workDir, ...options }) }
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error
    return { status: error.exitStatus, stderr: describeError(error), result: {} as Injection }
  } finally {
    await rm(workDir, { recursive: true })
  }
}

const pkg = (parts: Parameters<typeof debianPackage>[2]): Promise<string> => debianPackage(dir, exec, parts)
let outputs = 0
const output = (): string => join(dir, `new-${String(outputs += 1)}.iso`)

/** Files of an ISO, unpacked; its lists of checksums are checked. */
async function unpack(image: string): Promise<{ iso: string; root: string }> {
  const to = join(dir, `${basename(image)}.files`)
  if (await stat(to).then(() => true, () => false)) return { iso: join(to, 'iso'), root: join(to, 'root') }
  await exec(['xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/', join(to, 'iso')])
  for (const algorithm of ['sha256', 'md5', 'sha1', 'sha512'] as const) await exec([`${algorithm}sum`, '--check', '--strict', '--quiet', `${algorithm}sum.txt`], { cwd: join(to, 'iso') })
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', join(to, 'root'), join(to, 'iso/live/filesystem.squashfs')])
  return { iso: join(to, 'iso'), root: join(to, 'root') }
}

const module = (name: string, version = '1'): Buffer => elfObject({ info: [`name=${name}`, `version=${version}`, 'license=GPL', 'depends=', `vermagic=${oldRelease} SMP `] })

async function newIso(packages: readonly string[], options: Options = {}, from = iso): Promise<Outcome & { path: string }> {
  const path = output()
  const outcome = await inject(packages, { ...options, output: path }, from)
  expect(outcome.status, outcome.stderr).toBe(0)
  return { ...outcome, path }
}

describe.skipIf(!tools)('packages in an existing ISO', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    iso = await debianLikeIso({ dir, exec })
    isoDigest = await sha256File(iso)
  })

  test('are in its root, its lists and its manifest; the same again is the same file', async () => {
    const deb = await pkg({ name: 'extra', files: { 'usr/share/extra/file': 'grafted\n' } })
    const one = await newIso([deb])
    const two = await newIso([deb])
    expect(await sha256File(one.path)).toBe(await sha256File(two.path))
    expect(await sha256File(iso)).toBe(isoDigest)
    expect(one.result).toMatchObject({ mode: 'graft', packages: [{ name: 'extra', version: '1.0', architecture: 'all', was: 'installed', oldVersion: null }], removed: [], modulesListed: [], initrds: [], kernel: null, notes: [] })

    const { iso: files, root } = await unpack(one.path)
    expect(await readFile(join(root, 'usr/share/extra/file'), 'utf8')).toBe('grafted\n')
    expect((await stat(join(root, 'usr/share/extra/file'))).mtimeMs).toBe(imageDate * 1000)
    expect(await readFile(join(files, 'live/filesystem.packages'), 'utf8')).toBe(`dpkg\t1.21.22\nextra\t1.0\nlinux-image-${oldRelease}\t6.1.1-1\ntool\t2.0\n`)
    const manifest = JSON.parse(await readFile(join(root, 'usr/share/doc/nat64-forge/manifest.json'), 'utf8')) as unknown
    const original = await unpack(iso)
    const squashfs = join(original.iso, 'live/filesystem.squashfs')
    expect(manifest).toEqual({
      format: 1, tool: { name: 'nat64-forge', version: '1.2.3' },
      source: { iso: { sha256: isoDigest, sizeBytes: (await stat(iso)).size }, squashfs: { path: 'live/filesystem.squashfs', sha256: await sha256File(squashfs), sizeBytes: (await stat(squashfs)).size } },
      packages: [{ name: 'extra', version: '1.0', architecture: 'all', sha256: await sha256File(deb) }], removed: [], scripts: [],
    })
    // Nothing else: neither logs nor copies of what stayed as it was.
    const changed = (await exec(['diff', '-rq', '--no-dereference', original.root, root], { okStatus: [1] })).stdout.replaceAll(root, 'NEW').replaceAll(original.root, 'OLD').trim().split('\n')
    expect(changed.sort()).toEqual(['Files OLD/var/lib/dpkg/status and NEW/var/lib/dpkg/status differ', 'Only in NEW/usr/share/doc: nat64-forge', 'Only in NEW/usr/share: extra', 'Only in NEW/var/lib/dpkg/info: extra.list', 'Only in NEW/var/lib/dpkg/info: extra.md5sums'])

    const report = JSON.parse((await cli(['inspect', one.path, '--json'])).stdout) as { injected: unknown }
    expect(report.injected).toEqual(manifest)
    expect((await cli(['inspect', one.path])).stdout).toContain('injected     extra 1.0')
  })

  test('need not all belong in every image: a whole folder can be given, and what is left out is told; alone it is an error', async () => {
    const [extra, vyos, follows] = [await pkg({ name: 'whole', files: { 'usr/share/whole': '\n' } }), await pkg({ name: 'vyos-nat64', control: 'Pre-Depends: vyos-1x\n' }), await pkg({ name: 'jool-modules-amd64', control: 'Depends: linux-image-amd64\n' })]
    const { result, stderr } = await inject([extra, vyos, follows])
    expect(stderr).toBe('')
    expect(result.packages.map(({ name }) => name)).toEqual(['whole'])
    expect(result.notes).toEqual(['jool-modules-amd64 is left out: it is for images with linux-image-amd64, which this one has not', 'vyos-nat64 is left out: it is for images with vyos-1x, which this one has not'])
    const alone = await inject([vyos])
    expect(alone).toMatchObject({ status: 65, stderr: expect.stringContaining('vyos-1x') as string })
    // Where the other package comes too, or is in a folder, nothing is left out.
    const kernel = await pkg({ name: 'linux-image-amd64' })
    expect((await inject([extra, follows, kernel])).result.packages.map(({ name }) => name)).toEqual(['jool-modules-amd64', 'linux-image-amd64', 'whole'])
  })

  test('are installed from a store whose path has blanks and signs', async () => {
    const workDir = join(dir, 'a store [of 50 %] &')
    await mkdir(workDir)
    const { stderr } = await inject([await pkg({ name: 'blank' })], { workDir })
    expect(stderr).toBe('')
  })

  test('may be many: apt would hand five files and more to dpkg in a folder that the image has not', async () => {
    const names = Array.from({ length: 9 }, (_, index) => `many${String(index)}`)
    const debs = await Promise.all(names.map((name, index) => pkg({ name, files: { [`usr/share/${name}`]: '\n' }, ...(index > 4 ? { control: `Depends: ${names.slice(0, 4).join(', ')}\n` } : {}) })))
    const { result, stderr } = await inject(debs)
    expect(stderr).toBe('')
    expect(result.packages.map(({ name }) => name)).toEqual(names)
  })

  test('of a second injection join those of the first, and the same packages again change no byte', async () => {
    const [first, second] = [await pkg({ name: 'first', files: { 'usr/share/first': '1\n' } }), await pkg({ name: 'second', files: { 'usr/share/second': '2\n' } })]
    const one = await newIso([first])
    const two = await newIso([second], {}, one.path)
    const manifest = JSON.parse(await readFile(join((await unpack(two.path)).root, 'usr/share/doc/nat64-forge/manifest.json'), 'utf8')) as { source: { iso: { sha256: string } }; packages: { name: string }[] }
    expect(manifest.source.iso.sha256).toBe(isoDigest)
    expect(manifest.packages.map(({ name }) => name)).toEqual(['first', 'second'])
    const again = await newIso([first, second], {}, two.path)
    expect(again.result.packages.map(({ name, was }) => [name, was])).toEqual([['first', 'reinstalled'], ['second', 'reinstalled']])
    expect(await sha256File(again.path)).toBe(await sha256File(two.path))
    // Another content under the same version is another package.
    const changed = await newIso([await pkg({ name: 'first', files: { 'usr/share/first': 'one\n' } })], {}, two.path)
    expect(await readFile(join((await unpack(changed.path)).root, 'usr/share/first'), 'utf8')).toBe('one\n')
  })

  test('with modules come with lists of them; an initrd that is the same is not made again, whoever asks', async () => {
    const ask = 'update-initramfs -u\n'
    const outside = await newIso([await pkg({ name: 'outside', files: { [`usr/lib/modules/${oldRelease}/updates/outside.ko`]: module('outside') }, scripts: { postinst: ask } })])
    expect(outside.result).toMatchObject({ modulesListed: [oldRelease], initrds: [] })
    const { root, iso: files } = await unpack(outside.path)
    expect(await readFile(join(root, `usr/lib/modules/${oldRelease}/modules.dep`), 'utf8')).toBe('kernel/inside.ko:\nupdates/outside.ko:\n')
    expect(await readFile(join(root, 'usr/sbin/update-initramfs'), 'utf8')).toContain('the real')
    expect(await sha256File(join(files, 'live/initrd.img'))).toBe(await sha256File(join((await unpack(iso)).iso, 'live/initrd.img')))
  })

  test.each([
    ['a program in it', { 'usr/bin/inside': 'another program\n' }, 'another program'],
    ['what it is made by', { 'etc/initramfs-tools/modules': 'another list\n' }, 'another list'],
    ['a module in it', { [`usr/lib/modules/${oldRelease}/kernel/inside.ko`]: module('inside', 'two') }, 'version=two'],
  ])('that change %s have a new initrd, in the root and on the ISO', async (_what, files, content) => {
    const { path, result } = await newIso([await pkg({ name: 'changes-initrd', control: `Replaces: linux-image-${oldRelease}\n`, files })])
    expect(result.initrds).toEqual([oldRelease])
    const made = await unpack(path)
    const bytes = await readFile(join(made.iso, 'live/initrd.img'))
    expect(bytes.toString('latin1')).toContain(content)
    expect(bytes.equals(await readFile(join(made.root, `boot/initrd.img-${oldRelease}`)))).toBe(true)
  })

  test('that only bring again what is there leave the initrd alone', async () => {
    const { result } = await newIso([await pkg({ name: 'changes-nothing', files: { 'usr/bin/inside': 'a program that the initrd has\n' }, scripts: { postinst: 'update-initramfs -u\n' } })])
    expect(result.initrds).toEqual([])
  })

  test('that bring what the hooks of an initrd take in, and it has not yet, have a new one; others are told that it stays', async () => {
    const from = await debianLikeIso({
      dir, exec, name: 'hooks', files: { [`usr/lib/modules/${oldRelease}/kernel/inside.ko`]: elfObject({ info: ['name=inside', 'license=GPL', 'depends=', 'firmware=vendor/inside.bin', `vermagic=${oldRelease} SMP `] }) },
      change: (root) => symlink('kmod', join(root, 'usr/sbin/modinfo')),
    })
    let made = 0
    const initrds = async (files: Record<string, string>, postinst = ''): Promise<Injection> => (await inject([await pkg({ name: `hooked-${String(made += 1)}`, files, scripts: { postinst: `update-initramfs -u\n${postinst}` } })], {}, from)).result
    expect((await initrds({ 'etc/systemd/network/10-lan.link': '[Match]\n' })).initrds).toEqual([oldRelease])
    expect((await initrds({ 'usr/share/initramfs-tools/hooks/more': '#!/bin/sh\n' })).initrds).toEqual([oldRelease])
    expect((await initrds({ 'etc/modprobe.d/more.conf': 'blacklist nothing\n' })).initrds).toEqual([oldRelease])
    expect((await initrds({ 'usr/lib/firmware/amd-ucode/x.bin': 'microcode\n' })).initrds).toEqual([oldRelease])
    expect((await initrds({ 'usr/lib/firmware/vendor/inside.bin.zst': 'wanted by a module in it\n' })).initrds).toEqual([oldRelease])
    // Of a folder that is made anew, nothing but that is to be seen.
    const emptied = await initrds({}, `rm -rf /usr/lib/modules/${oldRelease}/kernel\nmkdir /usr/lib/modules/${oldRelease}/kernel\n`)
    expect(emptied).toMatchObject({ initrds: [oldRelease], modulesListed: [oldRelease] })
    expect(emptied.files).toEqual(expect.arrayContaining([expect.objectContaining({ path: `usr/lib/modules/${oldRelease}/kernel/inside.ko`, newBytes: null })]))
    expect(await initrds({ 'usr/lib/firmware/vendor/other.bin': 'wanted by nobody\n' })).toMatchObject({ initrds: [], notes: ['a package asked for a new initrd, and nothing has changed that is known to go into one: it stays as it was'] })
  })

  test('with modules that the image\'s kernel would refuse, or of a kernel that it has not, are told of', async () => {
    const wrong = elfObject({ info: ['name=wrong', 'license=GPL', 'depends=', `vermagic=${oldRelease}-other SMP `] })
    const { result } = await inject([
      await pkg({ name: 'wrong', files: { [`usr/lib/modules/${oldRelease}/updates/wrong.ko`]: wrong } }), await pkg({ name: 'elsewhere', files: { 'usr/lib/modules/6.9.9-9-amd64/updates/elsewhere.ko': module('elsewhere') } }),
    ])
    expect(result.notes).toEqual(['elsewhere brings modules for 6.9.9-9-amd64, a kernel that the image has not: nothing loads them', expect.stringMatching(/^the image's kernel will not load the given wrong\.ko: /)])
  })

  test('finish what the image had begun', async () => {
    const from = await debianLikeIso({ dir, exec, name: 'halfway', installed: ['Package: halfway\nStatus: install ok unpacked\nMaintainer: t\nArchitecture: amd64\nVersion: 1\nDescription: t\n'], files: { 'var/lib/dpkg/info/halfway.list': '' } })
    const { stderr, result } = await inject([await pkg({ name: 'extra' })], {}, from)
    expect(stderr).toBe('')
    expect(result.packages.map(({ name }) => name)).toContain('extra')
  })

  test('and scripts are files: a pipe is not waited for; two may have one name, and any name', async () => {
    await exec(['mkfifo', join(dir, 'pipe.deb')])
    expect((await inject([join(dir, 'pipe.deb')])).stderr).toMatch(/E_DEB: .*pipe\.deb is not a file\n {2}next: /)
    expect((await inject([], { script: join(dir, 'pipe.deb') })).stderr).toMatch(/E_USAGE: the script .*pipe\.deb is not a file\n {2}next: /)
    await mkdir(join(dir, 'another'))
    const [one, two] = [join(dir, 'x\ny.deb'), join(dir, 'another/x\ny.deb')]
    await copyFile(await pkg({ name: 'one' }), one)
    await copyFile(await pkg({ name: 'two' }), two)
    expect((await inject([one, two])).result.packages.map(({ name }) => name)).toEqual(['one', 'two'])
    expect((await inject([one, one])).stderr).toContain('E_USAGE: one was given twice')
  })

  test.each([
    ['with line ends of Windows', '#!/bin/sh\r\necho\r\n', /E_USAGE: the script .* has the line ends of Windows \(CRLF\).*\n {2}next: take them out: sed /],
    ['whose interpreter the image has not', '#!/usr/bin/python3\n', /E_INJECT: the script .* cannot be started in the image, which has no \/usr\/bin\/python3\n/],
    ['that calls what the image has not', '#!/bin/sh\nno-such-program\n', /no-such-program: not found\n[^]*E_INJECT: the script .* failed in the image: exit status 127\n/],
    ['that speaks of a full disk', '#!/bin/sh\necho write error: No space left on device >&2\nexit 3\n', /E_INJECT: the script .* failed in the image: exit status 3\n/],
  ])('may be followed by a script; one %s is named as what failed', async (_what, text, words) => {
    const script = join(dir, 'failing-script')
    await writeFile(script, text)
    const { status, stderr } = await inject([], { script, exec: createExec({ log: silentLog, tmpDir: dir }) })
    expect(stderr).toMatch(words)
    expect(stderr).not.toMatch(/depend|E_HOST_PACKAGES|E_DISK_FULL/)
    expect(status).toBe(text.includes('\r') ? 64 : 65)
  })

  test('give the same bytes whatever xorriso is told in the home of who runs it, and fail without words of tar', async () => {
    const from = await debianLikeIso({ dir, exec, name: 'plain', squashfs: ['-comp', 'zstd', '-no-xattrs'] })
    const deb = await pkg({ name: 'extra' })
    const usual = await newIso([deb], {}, from)
    await mkdir(join(dir, 'home'))
    await writeFile(join(dir, 'home/.xorrisorc'), '-padding 3m\n')
    vi.stubEnv('HOME', join(dir, 'home'))
    try {
      expect(await sha256File((await newIso([deb], {}, from)).path)).toBe(await sha256File(usual.path))
    } finally {
      vi.unstubAllEnvs()
    }
    const { stderr } = await inject([await pkg({ name: 'fails', scripts: { postinst: 'echo this one cannot >&2\nexit 7\n' } })], {}, from)
    expect(stderr).toContain('this one cannot')
    expect(stderr).not.toContain('tar:')
  })

  test('change an initrd only where the image can make one, and it says so', async () => {
    const from = await debianLikeIso({ dir, exec, name: 'bare', files: { 'usr/sbin/update-initramfs': null, 'usr/sbin/mkinitramfs': null, 'usr/bin/lsinitramfs': null } })
    const { result } = await newIso([await pkg({ name: 'lists-modules', files: { 'etc/initramfs-tools/modules': 'another\n' } })], {}, from)
    expect(result.initrds).toEqual([])
    expect(result.notes).toEqual(['something that an initrd may hold has changed, and the image has no initramfs-tools to make one: its initrd stays as it was'])
  })

  test('take what they need from the given folders first, and what nobody has is named, for each package', async () => {
    const folder = join(dir, 'pool')
    await mkdir(join(folder, 'deeper'), { recursive: true })
    const needed = await pkg({ name: 'needed', version: '2.0', control: 'Depends: also-needed\n' })
    await copyFile(needed, join(folder, 'deeper/needed.deb'))
    await copyFile(await pkg({ name: 'also-needed' }), join(folder, 'also.deb'))
    await copyFile(await pkg({ name: 'not-needed' }), join(folder, 'not.deb'))
    const wants = await pkg({ name: 'wants', control: 'Depends: needed (>= 2)\n' })
    const { result, path } = await newIso([wants], { folders: [folder] })
    expect(result.packages.map(({ name }) => name)).toEqual(['also-needed', 'needed', 'wants'])
    const manifest = JSON.parse(await readFile(join((await unpack(path)).root, 'usr/share/doc/nat64-forge/manifest.json'), 'utf8')) as { packages: { name: string; sha256: string }[] }
    expect(manifest.packages.find(({ name }) => name === 'needed')?.sha256).toBe(await sha256File(needed))

    const lacking = await inject([wants, await pkg({ name: 'wants-more', control: 'Depends: nobody-has-this (>= 3), tool (>= 9)\n' })], { output: output() })
    expect(lacking.status).toBe(65)
    expect(lacking.stderr).toContain('E_INJECT: the image lacks what the packages need: ')
    expect(lacking.stderr).toContain('wants depends on needed (>= 2)')
    expect(lacking.stderr).toContain('wants-more depends on nobody-has-this (>= 3)')
    expect(lacking.stderr).toContain('wants-more depends on tool (>= 9)')
    expect(lacking.stderr).toContain('--packages DIR')
    expect(lacking.stderr).not.toContain('Unpacking')
  })

  test('put others out as their relations say, and older ones are taken when they are what is given', async () => {
    const { result, path } = await newIso([await pkg({ name: 'other-tool', control: 'Conflicts: tool\nReplaces: tool\nProvides: tool\n', files: { 'usr/share/tool': 'ours\n' } })])
    expect(result.removed).toEqual([{ name: 'tool', version: '2.0' }])
    const { root } = await unpack(path)
    expect(await readFile(join(root, 'usr/share/tool'), 'utf8')).toBe('ours\n')
    expect(JSON.parse(await readFile(join(root, 'usr/share/doc/nat64-forge/manifest.json'), 'utf8'))).toMatchObject({ removed: [{ name: 'tool', version: '2.0' }] })
    const plain = await newIso([await pkg({ name: 'no-tool', control: 'Conflicts: tool\n' })])
    expect(plain.result.removed).toEqual([{ name: 'tool', version: '2.0' }])
    const older = await newIso([await pkg({ name: 'tool', version: '1.0', files: { 'usr/share/tool': 'old\n' } })])
    expect(older.result.packages).toMatchObject([{ name: 'tool', version: '1.0', was: 'downgraded', oldVersion: '2.0' }])
  })

  test('that are on hold in the image are changed where they are given, and what else is on hold is named', async () => {
    const held = (name: string, version: string, more = ''): string => `Package: ${name}\nStatus: hold ok installed\nMaintainer: t\nArchitecture: amd64\nVersion: ${version}\nDescription: t\n${more}`
    const from = await debianLikeIso({
      dir, exec, name: 'held', installed: [held('heldtool', '1'), held('linux-image-amd64', '6.1.1-1', `Depends: linux-image-${oldRelease}\n`)],
      files: { 'var/lib/dpkg/info/heldtool.list': '', 'var/lib/dpkg/info/linux-image-amd64.list': '' },
    })
    const newer = await pkg({ name: 'heldtool', version: '2', architecture: 'amd64', files: { 'usr/share/heldtool': '2\n' } })
    const { result, path } = await newIso([newer], {}, from)
    expect(result.packages).toMatchObject([{ name: 'heldtool', version: '2', was: 'upgraded', oldVersion: '1' }])
    expect(await readFile(join((await unpack(path)).root, 'var/lib/dpkg/status'), 'utf8')).toMatch(/^Package: heldtool\nStatus: hold ok installed$/m)

    const rival = await inject([await pkg({ name: 'rival', control: 'Conflicts: heldtool\nReplaces: heldtool\n' })], {}, from)
    expect(rival.stderr).toMatch(/E_INJECT: the packages cannot be beside what stays in the image: rival conflicts with heldtool[^\n]*\n {2}next: heldtool on hold in the image, so nothing removes that; .*`echo heldtool install \| dpkg --set-selections`/)
    const script = join(dir, 'lift')
    await writeFile(script, '#!/bin/sh\necho heldtool install | dpkg --set-selections\n')
    const lifted = await newIso([], { script }, from)
    expect((await inject([join(dir, 'rival_1.0_all.deb')], {}, lifted.path)).result.removed).toEqual([{ name: 'heldtool', version: '1' }])

    const pool = join(dir, 'held-pool')
    await mkdir(pool)
    await copyFile(newer, join(pool, 'heldtool.deb'))
    const needs = await inject([await pkg({ name: 'needs-newer', control: 'Depends: heldtool (>= 2)\n' })], { folders: [pool] }, from)
    expect(needs.stderr).toMatch(/heldtool/)
    expect(needs.stderr).toMatch(/next: give these packages (by name )?too/)

    const kernel = await pkg({
      name: `linux-image-${newRelease}`, version: '6.1.2-1', architecture: 'amd64',
      files: { [`boot/vmlinuz-${newRelease}`]: bzImage(gzipSync(vmlinuxFile()), { release: newRelease }), [`usr/lib/modules/${newRelease}/kernel/inside.ko`]: 'module\n' },
    })
    const replaced = await inject([kernel], { kernel: 'replace' }, from)
    expect(replaced.stderr).toBe('')
    expect(replaced.result.removed.map(({ name }) => name)).toEqual([`linux-image-${oldRelease}`, 'linux-image-amd64'])
  })

  test('are on the lists beside the root as dpkg lists them, and its size follows', async () => {
    const from = await debianLikeIso({ dir, exec, name: 'lists', installed: ['Package: libfoo\nStatus: install ok installed\nMaintainer: t\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1\nDescription: t\n'], files: { 'var/lib/dpkg/info/libfoo:amd64.list': '' } })
    const [size, more] = [join(dir, 'size'), join(dir, 'more.iso')]
    await writeFile(size, '1000000\n')
    await exec(['xorriso', '-abort_on', 'FAILURE', '-report_about', 'SORRY', '-indev', from, '-outdev', more, '-boot_image', 'any', 'replay', '-map', size, '/live/filesystem.size', '-map', join(dir, 'lists-tree/live/filesystem.packages'), '/live/filesystem.manifest', '-commit', '-end'])
    const { path, result } = await newIso([await pkg({ name: 'sized', files: { 'usr/share/sized': Buffer.alloc(10_000, 1) } })], {}, more)
    const lists = join((await unpack(path)).iso, 'live/filesystem')
    const list = `dpkg\t1.21.22\nlibfoo:amd64\t1\nlinux-image-${oldRelease}\t6.1.1-1\nsized\t1.0\ntool\t2.0\n`
    expect([await readFile(`${lists}.packages`, 'utf8'), await readFile(`${lists}.manifest`, 'utf8')]).toEqual([list, list])
    // The file, and dpkg's own.
    expect(result.files.filter(({ change }) => change === 'added').length).toBe(4)
    expect(await readFile(`${lists}.size`, 'utf8')).toBe(`${String(1_000_000 + 3 * 4096 + 3 * 4096)}\n`)
  })

  test('go in by dpkg alone where the image\'s own packages lack something', async () => {
    const from = await debianLikeIso({ dir, exec, name: 'amiss', installed: ['Package: amiss\nStatus: install ok installed\nMaintainer: t\nArchitecture: amd64\nVersion: 1\nDepends: nobody-has-this\nDescription: t\n'] })
    const { result } = await newIso([await pkg({ name: 'extra', files: { 'usr/share/extra/file': 'grafted\n' } })], {}, from)
    expect(result.packages.map(({ name }) => name)).toEqual(['extra'])
    expect(result.notes[0]).toContain('unmet dependencies')
  })

  test('for another architecture are refused before anything is done', async () => {
    const { status, stderr } = await inject([await pkg({ name: 'foreign', architecture: 'arm64' })], { output: output() })
    expect(status).toBe(65)
    expect(stderr).toContain('E_DEB_ARCHITECTURE: foreign 1.0 is for arm64, and the image is for amd64')
    expect(stderr).toContain('next: give the package that was built for amd64')
  })

  test('whose script fails end the run with its words, and what scripts do stays in the image', async () => {
    const failed = await inject([await pkg({ name: 'fails', scripts: { postinst: 'echo this one cannot go on >&2\nexit 7\n' } })], { output: output() })
    expect(failed.status).toBe(65)
    expect(failed.stderr).toContain('E_INJECT')
    expect(failed.stderr).toContain('this one cannot go on')
    const before = await readFile('/proc/sys/kernel/panic', 'utf8')
    const escapes = 'for try in "mknod /device b 8 0" "mount -t tmpfs none /mnt" "chroot / true"; do if $try 2>/dev/null; then echo "$try" >> /escaped; fi; done\nif (echo 99 > /proc/sys/kernel/panic) 2>/dev/null; then echo sysctl >> /escaped; fi\necho done > /tried\n'
    const { root } = await unpack((await newIso([await pkg({ name: 'escapes', scripts: { postinst: escapes } })])).path)
    expect(await readFile(join(root, 'tried'), 'utf8')).toBe('done\n')
    expect(await readdir(root)).not.toContain('escaped')
    expect(await readFile('/proc/sys/kernel/panic', 'utf8')).toBe(before)
  })

  test('are there afterwards, whatever their files are called, or it is an error', async () => {
    const [named, plain] = [join(dir, 'download'), await pkg({ name: 'plain', files: { 'usr/share/plain': 'plain\n' } })]
    await copyFile(await pkg({ name: 'called', files: { 'usr/share/called': 'otherwise\n' } }), named)
    expect((await inject([named, plain])).result.packages.map(({ name }) => name)).toEqual(['called', 'plain'])
    const script = join(dir, 'purge')
    await writeFile(script, '#!/bin/sh\nexec dpkg --purge plain\n')
    expect((await inject([plain], { script })).stderr).toContain('E_INJECT: plain 1.0 all was given, and is not installed in the image now')
    const hides = await pkg({ name: 'hides', scripts: { postinst: 'mv /usr/bin/dpkg-query /usr/bin/real-query\nprintf \'#!/bin/sh\\nreal-query "$@" | grep -v ^plain\\n\' > /usr/bin/dpkg-query\nchmod 755 /usr/bin/dpkg-query\n' } })
    expect((await inject([plain, hides])).stderr).toContain("E_INJECT: the image's dpkg-query and its list of packages (var/lib/dpkg/status) do not agree about plain 1.0 all")
  })

  test('are not told to be well where what lists modules or makes initrds does not do it', async () => {
    const modules = { [`usr/lib/modules/${oldRelease}/updates/came.ko`]: module('came') }
    const idle = (program: string): string => `rm -f ${program}\nprintf '#!/bin/sh\\nexit 0\\n' > ${program}\nchmod 755 ${program}\n`
    expect((await inject([await pkg({ name: 'idle-depmod', files: modules, scripts: { postinst: idle('/usr/sbin/depmod') } })])).stderr).toContain(`depmod has made no list of the modules of ${oldRelease}`)
    const old = idle('/usr/sbin/depmod').replace('exit 0', 'touch /usr/lib/modules/"$1"/modules.dep')
    expect((await inject([await pkg({ name: 'old-depmod', files: modules, scripts: { postinst: old } })])).stderr).toContain(`depmod has not listed came.ko of ${oldRelease}`)
    const empty = idle('/usr/sbin/mkinitramfs').replace('exit 0', ': > "$2"')
    expect((await inject([await pkg({ name: 'idle-initrd', files: { 'usr/bin/inside': 'new\n' }, scripts: { postinst: empty } })])).stderr).toContain(`mkinitramfs made no initrd for ${oldRelease}`)
    const unlisted = await debianLikeIso({ dir, exec, name: 'unlisted', files: { 'usr/bin/lsinitramfs': '#!/bin/sh\nexit 1\n' } })
    expect((await inject([await pkg({ name: 'inside', files: { 'usr/bin/inside': 'new\n' } })], {}, unlisted)).result.initrds).toEqual([oldRelease])
  })

  test('that change the initrd leave its neighbours on the ISO alone', async () => {
    const [neighbour, image] = [join(dir, 'neighbour'), join(dir, 'neighbours.iso')]
    await writeFile(neighbour, 'a sum\n')
    await exec(['xorriso', '-abort_on', 'FAILURE', '-report_about', 'SORRY', '-indev', iso, '-outdev', image, '-boot_image', 'any', 'replay', '-map', neighbour, '/live/initrd.img.sha256', '-map', neighbour, '/live/initrd.d/README', '-commit', '-end'])
    const { path, result } = await newIso([await pkg({ name: 'changes-inside', files: { 'usr/bin/inside': 'changed\n' } })], {}, image)
    expect(result.initrds).toEqual([oldRelease])
    expect(result.notes).toEqual(expect.arrayContaining(['what is beside a file that changed was left as it is, and does not fit it any more: live/initrd.img.sha256']))
    const { iso: files } = await unpack(path)
    for (const name of ['initrd.img.sha256', 'initrd.d/README']) expect(await readFile(join(files, 'live', name), 'utf8')).toBe('a sum\n')
    expect(await readFile(join(files, 'live/initrd.img'), 'utf8')).toContain('changed')
  })

  test('are only told of with --diff: files with sizes and packages, and nothing is written', async () => {
    const deb = await pkg({ name: 'other-tool', control: 'Conflicts: tool\nReplaces: tool\n', files: { 'usr/share/other': 'new\n' }, scripts: { postinst: 'rm /usr/share/tool 2>/dev/null || true\necho root >> /etc/group\nrm -r /etc/initramfs-tools; mkdir /etc/initramfs-tools\n' } })
    const isos = async (): Promise<string[]> => (await readdir(dir)).filter((name) => name.includes('iso')).sort()
    const before = await isos()
    const { status, result } = await inject([deb])
    expect(status).toBe(0)
    expect(result.iso).toBeNull()
    expect(result.files.filter(({ path }) => !path.startsWith('var/'))).toEqual([
      { path: `boot/initrd.img-${oldRelease}`, change: 'changed', oldBytes: expect.any(Number) as number, newBytes: expect.any(Number) as number },
      { path: 'etc/group', change: 'changed', oldBytes: 10, newBytes: 15 }, { path: 'etc/initramfs-tools/modules', change: 'removed', oldBytes: 7, newBytes: null },
      { path: 'usr/share/doc/nat64-forge/manifest.json', change: 'added', oldBytes: null, newBytes: expect.any(Number) as number },
      { path: 'usr/share/other', change: 'added', oldBytes: null, newBytes: 4 }, { path: 'usr/share/tool', change: 'removed', oldBytes: 8, newBytes: null },
    ])
    const { stdout } = await cli(['inject', iso, deb, '--diff', '--store', join(dir, 'store')])
    expect(stdout).toContain('~ etc/group  10 -> 15\n')
    expect(stdout).toContain('- usr/share/tool  8\n')
    expect(stdout).toContain('+ usr/share/other  4\n')
    expect(stdout).toContain('installed other-tool 1.0\nremoved tool 2.0\n')
    expect(await isos()).toEqual(before)
    const both = await cli(['inject', iso, deb, '--diff', '-o', output(), '--store', join(dir, 'store')])
    expect([both.status, both.stderr]).toEqual([64, expect.stringContaining('E_USAGE: --diff writes nothing, so --output has no meaning beside it')])
  })

  test.each([
    ['says nothing about services', {}],
    ['lets every service start', { 'usr/sbin/policy-rc.d': '#!/bin/sh\n# of the image\nexit 0\n' }],
  ])('start no service in an image that %s, and leave that as it was', async (what, own) => {
    // Debian's own, which packages call; with the name of a service that would leave a trace.
    const services = { 'usr/sbin/invoke-rc.d': await readFile('/usr/sbin/invoke-rc.d'), 'etc/init.d/traced': '#!/bin/sh\n[ "$1" != start ] || : > /started\n', 'etc/rc2.d/S01traced': '#!/bin/sh\nexec /etc/init.d/traced "$@"\n' }
    const from = await debianLikeIso({
      dir, exec, name: `services-${String(what.length)}`, programs: ['/usr/bin/basename', '/usr/bin/dirname', '/usr/bin/id'], files: { ...services, ...own },
      change: async (root) => { await exec(['sh', '-ec', 'chmod 755 etc/init.d/traced etc/rc2.d/S01traced'], { cwd: root }) },
    })
    const asks = '{ set +e; /usr/sbin/policy-rc.d traced start; echo "policy $?"; invoke-rc.d --disclose-deny traced start 2>&1; echo "invoke $?"; } > /usr/share/answer\n'
    const { path, result } = await newIso([await pkg({ name: 'starts', scripts: { postinst: asks } })], {}, from)
    const [{ root }, { root: old }] = [await unpack(path), await unpack(from)]
    expect(await readFile(join(root, 'usr/share/answer'), 'utf8')).toMatch(/^policy 101\n(.*\n)*invoke 101\n$/)
    expect(await stat(join(root, 'started')).catch(() => 'not there')).toBe('not there')
    const policy = (tree: string): Promise<string> => readFile(join(tree, 'usr/sbin/policy-rc.d'), 'utf8').catch(() => 'not there')
    expect(await policy(root)).toBe(await policy(old))
    expect(result.files.map(({ path: changed }) => changed).filter((changed) => changed.includes('rc'))).toEqual([])
  })

  test('that make keys or IDs, or bring what no image keeps, are told of', async () => {
    const makes = 'mkdir -p /etc/ssh /etc/x/private\nfor key in ssh/ssh_host_rsa_key ssh/ssh_host_rsa_key.pub x/private/a.key x/private/a.crt; do echo secret > /etc/$key; done\n'
    const deb = await pkg({ name: 'makes-keys', files: { 'run/made/it': 'x\n', 'tmp/it': 'x\n' }, scripts: { postinst: `${makes}echo 0123456789abcdef0123456789abcdef > /etc/machine-id\n` } })
    const { result } = await inject([deb])
    expect(result.notes).toEqual([
      'packages bring files below /run, /tmp or /dev, which are empty when a router starts: they are not in the image (/run/made, /run/made/it, /tmp/it)',
      'packages or the script have made keys or IDs in the image, which every router that boots it will share, and which are others in every injection (etc/machine-id, etc/ssh/ssh_host_rsa_key, etc/x/private/a.key); a --script can remove them',
    ])
    expect(result.overlaySeconds).toBeGreaterThan(0)
    expect((await inject([await pkg({ name: 'no-id', scripts: { postinst: 'echo uninitialized > /etc/machine-id\n' } })])).result.notes).toEqual([])
  })

  test('may be followed by a script; its failure is the run\'s, its digest in the manifest', async () => {
    const script = join(dir, 'script.sh')
    await writeFile(script, '#!/bin/sh\ncat /usr/share/extra/file > /etc/from-script\n')
    const { path } = await newIso([await pkg({ name: 'extra', files: { 'usr/share/extra/file': 'grafted\n' } })], { script })
    const { root } = await unpack(path)
    expect(await readFile(join(root, 'etc/from-script'), 'utf8')).toBe('grafted\n')
    expect(JSON.parse(await readFile(join(root, 'usr/share/doc/nat64-forge/manifest.json'), 'utf8'))).toMatchObject({ scripts: [await sha256File(script)] })
    await writeFile(script, '#!/bin/sh\necho the script gives up >&2\nexit 3\n')
    const failed = await inject([], { script, output: output() })
    expect(failed.status).toBe(65)
    expect(failed.stderr).toContain('the script gives up')
    expect(failed.stderr).toContain('exit status 3')
  })
})
