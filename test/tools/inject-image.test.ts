import { copyFile, link, mkdir, mkdtemp, open, readdir, readFile, readlink, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { inject, type Injection } from '../../images/inject/artifact.ts'
import { readGptIdentity } from '../../scripts/formats/iso9660-boot.ts'
import { readIso9660 } from '../../scripts/formats/iso9660.ts'
import { openByteSource, type ByteSource } from '../../scripts/formats/byte-source.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec, type Argv } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { cli, program, startCli } from '../support/cli.ts'
import { debianLikeIso, debianLikeTools, debianPackage, newRelease, oldRelease } from '../support/debian-like-iso.ts'
import { elfObject } from '../support/elf-object.ts'
import { bzImage, vmlinuxFile } from '../support/kernel-image.ts'
import { rejection } from '../support/rejection.ts'
import { squashfsImage } from '../support/squashfs-image.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const listTree = fileURLToPath(new URL('../support/list-tree.py', import.meta.url))
const tools = needsTools(...debianLikeTools, '/usr/bin/python3') && process.getuid?.() === 0
const file = (name: string): string => join(dir, name)

let dir: string
let iso: string
let isoDigest: string
let deb: string

async function into(packages: readonly string[], output: string, options: Partial<Parameters<typeof inject>[0]> = {}): Promise<Injection> {
  const workDir = await mkdtemp(file('work-'))
  try {
    return await inject({ iso, packages, output: file(output), toolVersion: packageJson.version, exec, log: silentLog, workDir, ...options })
  } finally {
    await rm(workDir, { recursive: true })
  }
}

async function unpack(image: string): Promise<string> {
  const to = file(`${basename(image)}.files`)
  await exec(['xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/', to])
  for (const algorithm of ['sha256', 'md5'] as const) await exec([`${algorithm}sum`, '--check', '--strict', '--quiet', `${algorithm}sum.txt`], { cwd: to })
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', join(to, 'root'), join(to, 'live/filesystem.squashfs')])
  return to
}

const treeOf = async (root: string): Promise<string> => (await exec(['/usr/bin/python3', listTree, root])).stdout
const command = (output: string, packages = [deb]): string[] => ['inject', iso, ...packages, '-o', output, '--store', file('store')]
const left = async (): Promise<string[]> => (await readdir(dir)).filter((name) => name.includes('.part'))

describe.skipIf(!tools)('the new ISO', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    iso = await debianLikeIso({ dir, exec, squashfs: ['-comp', 'xz', '-Xbcj', 'x86', '-b', '256K', '-always-use-fragments', '-no-exports'] })
    isoDigest = await sha256File(iso)
    // Everything that an upper layer can say: new, changed, gone, emptied, another type, a link, a capability.
    deb = await debianPackage(dir, exec, {
      name: 'extra', files: { 'usr/share/extra/file': 'new\n'.repeat(1000) },
      scripts: { postinst: 'rm /usr/share/tool\nrm -r /etc/initramfs-tools\nmkdir -p /etc/initramfs-tools/hooks\nrm /usr/bin/inside; mkdir /usr/bin/inside\necho x >> /etc/group\nln /etc/passwd /etc/passwd.link\nln -s nowhere /etc/link\nchmod 600 /etc/os-release\n' },
    })
  })

  test('has the same tree whether it was grafted, packed again, or has a layer on top', async () => {
    const grafted = await into([deb], 'grafted.iso')
    const repacked = await into([deb], 'repacked.iso', { mode: 'repack' })
    const layered = await into([deb], 'layered.iso', { mode: 'layer' })
    expect([grafted.mode, repacked.mode, layered.mode]).toEqual(['graft', 'repack', 'layer'])
    expect([grafted.notes, repacked.notes]).toEqual([[], []])
    expect(layered.notes[0]).toContain('only live boot (live-boot) stacks')
    const [one, two, three] = [await unpack(file('grafted.iso')), await unpack(file('repacked.iso')), await unpack(file('layered.iso'))]
    const tree = await treeOf(join(one, 'root'))
    expect(tree).toContain('etc/passwd.link')
    expect(await treeOf(join(two, 'root'))).toBe(tree)
    const parameters = async (path: string): Promise<unknown> => {
      const { squashfs } = JSON.parse((await cli(['inspect', path, '--json'])).stdout) as { squashfs: Record<string, unknown> }
      return [squashfs['compressor'], squashfs['compressorOptions'], squashfs['blockSizeBytes'], squashfs['flags'], squashfs['createdAt']]
    }
    expect(await parameters(file('repacked.iso'))).toEqual(await parameters(iso))

    // As live-boot does it: every squashfs in the folder, the last name on top.
    expect(await readdir(join(three, 'live'))).toEqual(['filesystem.packages', 'filesystem.squashfs', 'initrd.img', 'vmlinuz', 'zz-nat64-forge.squashfs'])
    expect(await sha256File(join(three, 'live/filesystem.squashfs'))).toBe(await sha256File(join(await unpack(iso), 'live/filesystem.squashfs')))
    expect(await readFile(join(three, 'sha256sum.txt'), 'utf8')).toContain('  ./live/zz-nat64-forge.squashfs')
    await exec(['sh', '-ec', 'mkdir a b m; mount -o ro,loop live/filesystem.squashfs a; mount -o ro,loop live/zz-nat64-forge.squashfs b; mount -t overlay -o lowerdir=b:a o m; cp -a m stacked'], { cwd: three, contained: true })
    expect(await treeOf(join(three, 'stacked'))).toBe(tree)
    const report = JSON.parse((await cli(['inspect', file('layered.iso'), '--json'])).stdout) as { injected: { packages: unknown[] }; system: { packages: number } }
    expect(report.injected.packages).toHaveLength(1)
    expect(report.system.packages).toBe(4)
    expect(await rejection(into([deb], 'twice.iso', { iso: file('layered.iso') }))).toMatchObject({ code: 'E_INJECT', message: expect.stringContaining('has a layer of an earlier injection') as string })
  })

  test('has the old one\'s dates, GUIDs and disk signature, which xorriso would make anew', async () => {
    const identity = async (path: string): Promise<unknown> => {
      await using source = await openByteSource(path)
      const at = async (offset: number, length: number): Promise<string> => (await source.read(offset, length)).toString('latin1')
      return { gpt: await readGptIdentity(source), signature: await at(440, 6), volume: await at(16 * 2048 + 813, 68), joliet: await at(18 * 2048 + 813, 68), id: await at(16 * 2048 + 40, 32) }
    }
    await into([deb], 'identity.iso')
    const old = await identity(iso)
    expect(old).toMatchObject({ gpt: { disk: expect.stringMatching(/^[0-9a-f]{32}$/) as string, partitions: [{}, {}] } })
    expect(await identity(file('identity.iso'))).toEqual(old)
    expect((await exec(['xorriso', '-indev', file('identity.iso'), '-report_el_torito', 'plain'])).stdout).toMatch(/boot img :\s+1\s+BIOS[^]*boot img :\s+2\s+UEFI/)
  })

  test('has the old one\'s names, owners and permissions, and its tree of longer names', async () => {
    const tree = file('named-tree')
    await exec(['cp', '--archive', file('router-tree'), tree])
    await exec(['sh', '-ec', 'chmod 640 live/filesystem.squashfs sha256sum.txt; chown 5:6 live/filesystem.squashfs; chmod 600 boot/grub/grub.cfg'], { cwd: tree })
    // -R: as they are on the disk.
    await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-o', file('named.iso'), '-V', 'NAMED', '-R', '-iso-level', '4', '-p', 'WHO PREPARED IT', '-publisher', 'WHO PUBLISHED IT', '-A', 'AN APPLICATION', '-sysid', 'A SYSTEM', '-volset', 'A SET', '-c', 'isolinux/boot.cat', '-b', 'isolinux/isolinux.bin', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', tree])
    await into([deb], 'named-new.iso', { iso: file('named.iso') })
    const described = async (path: string): Promise<unknown> => {
      await using source = await openByteSource(path)
      const descriptors: unknown[] = []
      for (let at = 16 * 2048; (await source.read(at, 1))[0] !== 255; at += 2048) {
        const block = await source.read(at, 2048)
        if (block[0] !== 0) descriptors.push([block[0], block[6], block.toString('latin1', 8, 72), block.toString('latin1', 88, 120), block.toString('latin1', 190, 881)])
      }
      const { entries } = await readIso9660(source)
      return { descriptors, posix: entries.map(({ path: name, posix }) => [name, posix]).sort() }
    }
    const old = await described(file('named.iso'))
    expect(old).toMatchObject({ descriptors: [[1, 1, expect.stringContaining('A SYSTEM'), expect.anything(), expect.stringContaining('WHO PREPARED IT')], [2, 2, expect.anything(), expect.anything(), expect.anything()]] })
    expect(old).toMatchObject({ posix: expect.arrayContaining([['live/filesystem.squashfs', { mode: 0o640, uid: 5, gid: 6 }], ['sha256sum.txt', { mode: 0o640, uid: 0, gid: 0 }]]) as unknown })
    expect(await described(file('named-new.iso'))).toEqual(old)
  })

  test('has the right sum of every file that was put there, and says which lines were wrong before', async () => {
    expect((await into([deb], 'right.iso')).notes).toEqual([])
    const tree = file('router-tree')
    const old = await readFile(join(tree, 'sha256sum.txt'), 'utf8')
    const grub = await sha256File(join(tree, 'boot/grub/grub.cfg'))
    // A sum of a boot image that is told where it lies, and, as `find | sha256sum` writes it, of the list itself.
    const isolinux = join(file('sums-isolinux'))
    await exec(['sh', '-ec', 'xorriso -osirrox on -indev "$0" -extract /isolinux/isolinux.bin "$1"', iso, isolinux])
    await writeFile(file('sums'), `${old.replace(grub, '0'.repeat(64))}${'1'.repeat(64)}  ./nowhere\n${await sha256File(isolinux)}  ./isolinux/isolinux.bin\n${'2'.repeat(64)}  ./sha256sum.txt\n`)
    await exec(['xorriso', '-abort_on', 'FAILURE', '-report_about', 'SORRY', '-indev', iso, '-outdev', file('wrong.iso'), '-boot_image', 'any', 'replay', '-map', file('sums'), '/sha256sum.txt', '-commit', '-end'])
    const { notes } = await into([deb], 'still-wrong.iso', { iso: file('wrong.iso') })
    expect(notes).toEqual([
      'sha256sum.txt on the ISO was wrong before, and is still, about boot/grub/grub.cfg, nowhere, sha256sum.txt: not there, or with another sum. An installer that goes by it, as VyOS\'s does, refuses such an ISO',
    ])
    const to = file('still-wrong.files')
    await exec(['xorriso', '-osirrox', 'on', '-indev', file('still-wrong.iso'), '-extract', '/', to])
    const { stdout } = await exec(['sha256sum', '--check', 'sha256sum.txt'], { cwd: to, okStatus: [1] })
    expect(stdout.split('\n').filter((line) => /filesystem|isolinux|grub\.cfg/.test(line)).sort()).toEqual(['./boot/grub/grub.cfg: FAILED', './isolinux/isolinux.bin: OK', './live/filesystem.packages: OK', './live/filesystem.squashfs: OK'])
  })

  const gptPlace = async (source: ByteSource, at: number): Promise<number> => Number((await source.read(512, 512)).readBigUInt64LE(at)) * 512
  test.each<[what: string, place: (source: ByteSource) => Promise<number>, message: string]>([
    ['of what was packed', async (source) => ((await readIso9660(source)).file('live/filesystem.squashfs')?.offset ?? 0) + 100_000, 'live/filesystem.squashfs was not written as it should be'],
    ['that leads a BIOS to its boot image', () => Promise.resolve(432), 'its MBR does not lead to its boot image'],
    ['of the GPT', () => Promise.resolve(512 + 48), 'the GPT has a wrong checksum'],
    ['of the GPT\'s entries', async (source) => await gptPlace(source, 72) + 40, 'the GPT has entries with a wrong checksum'],
    ['of the GPT\'s copy', (source) => gptPlace(source, 32), 'the GPT has no copy at the end'],
    ['in the GPT\'s copy', async (source) => await gptPlace(source, 32) + 40, 'the GPT\'s copy has a wrong checksum'],
  ])('is read again when it is written: a byte %s that the disk has not kept is an error', async (_what, place, message) => {
    const faulty: typeof exec = async (argv, options) => {
      // Once the new one is looked at, all of it has been written.
      const link = argv[0] === 'prlimit' && argv.includes('mcopy') ? argv.find((word) => word.includes('boot.iso@@'))?.replace(/@@.*/, '') : undefined
      const target = link === undefined ? iso : await readlink(link)
      if (target !== iso) {
        await using source = await openByteSource(target)
        const at = await place(source)
        await using written = await open(target, 'r+')
        await written.write('damaged', at)
      }
      return exec(argv, options)
    }
    expect(await rejection(into([deb], 'faulty.iso', { exec: faulty }))).toMatchObject({ code: 'E_INJECT', message: expect.stringContaining(`the new ISO is not as it should be: ${message}`) as string })
    expect(await readdir(dir)).not.toContain('faulty.iso')
  })

  test('boots another kernel where that is asked for, and the old one is gone', async () => {
    const vmlinuz = bzImage(gzipSync(vmlinuxFile()), { release: newRelease })
    const kernel = await debianPackage(dir, exec, {
      name: `linux-image-${newRelease}`, version: '6.1.2-1', architecture: 'amd64',
      files: { [`boot/vmlinuz-${newRelease}`]: vmlinuz, [`usr/lib/modules/${newRelease}/kernel/inside.ko`]: elfObject({ info: ['name=inside', 'license=GPL', 'depends=', `vermagic=${newRelease} SMP `] }) },
      scripts: { postinst: `update-initramfs -c -k ${newRelease}\n` },
    })
    const result = await into([kernel], 'kernel.iso', { kernel: 'replace' })
    expect(result).toMatchObject({ kernel: newRelease, initrds: [newRelease], modulesListed: [newRelease], removed: [{ name: `linux-image-${oldRelease}`, version: '6.1.1-1' }] })
    const files = await unpack(file('kernel.iso'))
    expect((await readFile(join(files, 'live/vmlinuz'))).equals(vmlinuz)).toBe(true)
    expect((await readdir(join(files, 'root/boot'))).sort()).toEqual([`initrd.img-${newRelease}`, `vmlinuz-${newRelease}`])
    expect(await readdir(join(files, 'root/usr/lib/modules'))).toEqual([newRelease])
    const initrd = await readFile(join(files, 'live/initrd.img'))
    expect(initrd.toString('latin1')).toContain(`vermagic=${newRelease}`)
    expect(initrd.equals(await readFile(join(files, `root/boot/initrd.img-${newRelease}`)))).toBe(true)
    expect(JSON.parse(await readFile(join(files, 'root/usr/share/doc/nat64-forge/manifest.json'), 'utf8'))).toMatchObject({ kernel: { release: newRelease, replaced: [oldRelease] } })

    // The same once more: the kernel on the ISO is the one that the root has.
    expect(await into([kernel], 'again.iso', { iso: file('kernel.iso'), kernel: 'replace' })).toMatchObject({ kernel: newRelease, removed: [] })
    expect((await readFile(join(await unpack(file('again.iso')), 'live/vmlinuz'))).equals(vmlinuz)).toBe(true)

    expect((await into([kernel], 'beside.iso')).notes).toEqual([`the ISO still boots its own kernel; --kernel replace puts ${newRelease} in its place`])
    expect(await rejection(into([deb], 'none.iso', { kernel: 'replace' }))).toMatchObject({ code: 'E_USAGE', message: '--kernel replace needs a kernel, and none of the packages is one' })
    expect(await rejection(into([kernel], 'none.iso', { kernel: 'replace', mode: 'layer' }))).toMatchObject({ code: 'E_USAGE' })
  })

  describe('of an image with more for its kernel than the kernel itself', () => {
    const paragraph = (name: string, more: string): string => `Package: ${name}\nStatus: install ok installed\nMaintainer: test <test@localhost>\nArchitecture: amd64\nVersion: 1\nDescription: test\n${more}`
    const lists = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [`var/lib/dpkg/info/${name}.list`, '']))
    const kernel = (name: string, control = ''): Promise<string> => mkdir(file(name)).then(() => debianPackage(file(name), exec, {
      name: `linux-image-${newRelease}`, version: '6.1.2-1', architecture: 'amd64', control, files: { [`boot/vmlinuz-${newRelease}`]: bzImage(gzipSync(vmlinuxFile()), { release: newRelease }), [`usr/lib/modules/${newRelease}/kernel/inside.ko`]: 'module\n' },
    }))
    // Debian's kernels ask whether they run, and cannot tell this host's kernel from the image's.
    const asked = { 'usr/bin/linux-check-removal': '#!/bin/sh\necho "asked about $1" >&2\nexit 1\n', [`var/lib/dpkg/info/linux-image-${oldRelease}.prerm`]: '#!/bin/sh\nset -e\nlinux-check-removal\n' }

    test('what goes with the old kernel may be protected, and nothing else may', async () => {
      const guarded = await debianLikeIso({
        dir, exec, name: 'guarded', files: { ...lists('meta', 'keeper'), ...asked },
        installed: [paragraph('meta', `Protected: yes\nDepends: linux-image-${oldRelease}\n`), paragraph('keeper', 'Protected: yes\n')],
      })
      const result = await into([await kernel('plain')], 'guarded-kernel.iso', { iso: guarded, kernel: 'replace' })
      expect(result.removed.map(({ name }) => name)).toEqual([`linux-image-${oldRelease}`, 'meta'])
      expect(await readFile(join(await unpack(file('guarded-kernel.iso')), 'root/usr/bin/linux-check-removal'), 'utf8')).toBe(asked['usr/bin/linux-check-removal'])
      // One that comes along for the new kernel stays.
      const meta = await debianPackage(dir, exec, { name: 'meta', version: '2', architecture: 'amd64', control: `Protected: yes\nDepends: linux-image-${newRelease}\n` })
      const both = await into([file(`plain/linux-image-${newRelease}_6.1.2-1_amd64.deb`), meta], 'guarded-both.iso', { iso: guarded, kernel: 'replace' })
      expect([both.packages.map(({ name, was }) => `${was} ${name}`), both.removed.map(({ name }) => name)]).toEqual([[`installed linux-image-${newRelease}`, 'upgraded meta'], [`linux-image-${oldRelease}`]])
      expect(await rejection(into([await kernel('hostile', 'Conflicts: keeper\n')], 'none.iso', { iso: guarded, kernel: 'replace' }))).toMatchObject({ code: 'E_INJECT', details: expect.stringContaining('keeper') as string })
    })

    test('it goes also where packages of the image have unmet dependencies', async () => {
      const broken = await debianLikeIso({ dir, exec, name: 'broken', files: { ...lists('broken'), ...asked }, installed: [paragraph('broken', 'Depends: nothing-has-this-name\n')] })
      const result = await into([await kernel('unmet')], 'broken-kernel.iso', { iso: broken, kernel: 'replace' })
      expect(result.removed.map(({ name }) => name)).toEqual([`linux-image-${oldRelease}`])
      expect(result.notes).toEqual([expect.stringContaining('dpkg installed what was given')])
      expect(await readdir(join(await unpack(file('broken-kernel.iso')), 'root/usr/lib/modules'))).toEqual([newRelease])
    })
  })

  test('is not begun where it could not be written', async () => {
    const words = (output: string): string[] => [process.execPath, program, ...command(output)]
    const script = (lines: string): Promise<unknown> => exec(['sh', '-c', lines, ...words(file('place/new.iso'))] as unknown as Argv, { contained: true })
    await mkdir(file('place'))
    expect(await rejection(script('mount -t tmpfs -o size=1m none "${6%/*}"; exec "$0" "$@"'))).toMatchObject({ details: expect.stringMatching(/E_DISK_FULL: the disk of .*place has 1 MiB free, and the new image takes at least \d+ MiB/) as string })
    expect(await rejection(script('mount -t tmpfs -o ro none "${6%/*}"; exec "$0" "$@"'))).toMatchObject({ details: expect.stringMatching(/E_OUT: nothing can be written in .*place: it is on a read-only file system/) as string })
    expect(await readdir(file('place'))).toEqual([])
  })

  test.each([
    ['itself', 'router.iso', 'is the same file as'], ['a link to itself', 'symbolic.iso', 'is the same file as'], ['another name of itself', 'hard.iso', 'is the same file as'],
    ['a file that is there', 'there.iso', 'exists'], ['a link to nothing', 'dangling.iso', 'exists'], ['a folder that is not there', 'nowhere/new.iso', 'does not exist'],
  ])('is not written over %s', async (_what, output, words) => {
    for (const [make, name] of [[symlink, 'symbolic.iso'], [link, 'hard.iso']] as const) await make(iso, file(name)).catch(() => undefined)
    await writeFile(file('there.iso'), 'mine')
    await symlink('nothing', file('dangling.iso')).catch(() => undefined)
    expect(await rejection(into([deb], output))).toMatchObject({ code: 'E_USAGE', message: expect.stringContaining(words) as string, hint: expect.any(String) as string })
    expect(await readFile(file('there.iso'), 'utf8')).toBe('mine')
    expect(await sha256File(iso)).toBe(isoDigest)
  })

  test('is made of nothing but a whole live ISO with a squashfs 4.0', async () => {
    await writeFile(file('text.iso'), 'no ISO\n'.repeat(10_000))
    await exec(['mknod', file('block-device'), 'b', '7', '200'])
    await copyFile(iso, file('cut.iso'))
    await truncate(file('cut.iso'), (await stat(iso)).size - 1_048_576)
    for (const [name, at, version] of [['old', 28, 3], ['newer', 30, 1]] as const) {
      const { bytes } = squashfsImage({ superblock: (head) => { head.writeUInt16LE(version, at) } })
      await mkdir(file(`${name}/live`), { recursive: true })
      await writeFile(file(`${name}/live/filesystem.squashfs`), bytes)
      await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-r', '-o', file(`${name}.iso`), file(name)])
    }
    for (const [name, code, words] of [['text.iso', 'E_IMAGE', 'neither an ISO'], ['cut.iso', 'E_IMAGE_TRUNCATED', 'is cut off'], ['old.iso', 'E_SQUASHFS', 'format 3.0'], ['newer.iso', 'E_SQUASHFS', 'format 4.1'], ['block-device', 'E_IMAGE', 'is a device'], ['missing.iso', 'E_IMAGE', 'no such file']] as const) {
      expect(await rejection(into([deb], 'never.iso', { iso: file(name) }))).toMatchObject({ code, message: expect.stringContaining(words) as string, hint: expect.any(String) as string })
    }
    expect(await readdir(dir)).not.toContain('never.iso')
  })

  test('is not made of one with two roots, and what helps is said', async () => {
    await exec(['xorriso', '-abort_on', 'FAILURE', '-report_about', 'SORRY', '-indev', iso, '-outdev', file('two.iso'), '-boot_image', 'any', 'replay', '-map', join(file('router-tree'), 'live/filesystem.squashfs'), '/live/other.squashfs', '-commit', '-end'])
    const { hint = '' } = await rejection(into([deb], 'never.iso', { iso: file('two.iso') }))
    const command = /xorriso -indev OLD.iso .* -commit$/.exec(hint)?.[0] ?? ''
    expect(command).not.toBe('')
    await exec(['sh', '-ec', command.replace('OLD.iso', file('two.iso')).replace('ONE.iso', file('one.iso')).replace('/PATH/OF/OTHER.squashfs', '/live/other.squashfs')])
    expect((await into([deb], 'of-one.iso', { iso: file('one.iso') })).packages.map(({ name }) => name)).toEqual(['extra'])
    expect((await cli(['inject', file('two.iso'), '-o', file('never.iso'), '--store', file('store')])).stderr).toMatch(/E_IMAGE_MANY_ROOTS: .*\n {2}next: packages can be put into an ISO with one squashfs only/)
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves nothing behind when the run ends by %s', async (signal) => {
    const slow = await debianPackage(dir, exec, { name: 'slow', scripts: { postinst: 'echo now it waits\nwhile :; do :; done\n' } })
    const temporary = file(`temporary-${signal}`)
    await mkdir(temporary)
    const running = startCli([...command(file('cut-short.iso'), [slow]), '--verbose'], { env: { TMPDIR: temporary } })
    let said = ''
    running.child.stderr?.on('data', (chunk: Buffer) => { said += chunk.toString() })
    await vi.waitFor(() => { expect(said).toContain('now it waits') }, { timeout: 120_000, interval: 50 })
    const processes = async (): Promise<string> => (await exec(['pgrep', '-f', `in-overlay.sh ${join(file('store'), 'work')}/`], { okStatus: [0, 1] })).stdout
    expect(await processes()).not.toBe('')
    running.child.kill(signal)
    const { status, stderr } = await running.ended
    if (signal !== 'SIGKILL') {
      expect(status).toBe(signal === 'SIGINT' ? 130 : 143)
      expect(stderr).toContain('E_INTERRUPTED')
    }
    expect(await readdir(dir)).not.toContain('cut-short.iso')
    expect(await left()).toEqual([])
    // What lies in the store is swept by the next run; of the rest nobody knows.
    expect((await readdir(temporary)).filter((name) => name.startsWith('nat64-forge'))).toEqual([])
    expect(await sha256File(iso)).toBe(isoDigest)
    // Its processes end with it, and with them the mounts, which only they see.
    await vi.waitFor(async () => { expect(await processes()).toBe('') }, { timeout: 20_000, interval: 100 })
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain(file('store'))
  })

  test('is written by one of two runs that want the same name', async () => {
    const [one, two] = await Promise.all([cli(command(file('race.iso'))), cli(command(file('race.iso')))])
    expect([one.status, two.status].sort()).toEqual([0, 64])
    expect((one.status === 0 ? two : one).stderr).toMatch(/E_USAGE: .*race\.iso/)
    expect(await sha256File(file('race.iso'))).toBe(await sha256File(file('grafted.iso')))
    expect(await left()).toEqual([])
  })

  test('has no name before it is complete', async () => {
    // A reader that opens it as soon as it is there finds all of it.
    const running = startCli(command(file('whole.iso')))
    await vi.waitFor(async () => { expect(await readdir(dir)).toContain('whole.iso') }, { timeout: 120_000, interval: 5 })
    await using handle = await open(file('whole.iso'))
    expect((await handle.stat()).size).toBe((await stat(file('grafted.iso'))).size)
    expect((await running.ended).status).toBe(0)
  })
})
