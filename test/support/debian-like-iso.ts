import { chmod, copyFile, mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'
import { elfObject } from './elf-object.ts'
import { bzImage, vmlinuxFile } from './kernel-image.ts'

export const debianLikeTools = ['mksquashfs', 'unsquashfs', 'xorriso', 'apt-get', 'apt-ftparchive', 'dpkg-deb', 'ldd', '/usr/sbin/depmod', '/usr/bin/setpriv', 'mformat', 'mcopy'] as const

export const oldRelease = '6.1.0-1-amd64'
export const newRelease = '6.1.0-2-amd64'
/** Earlier than every file that a test writes. */
export const imageDate = 1_700_000_000

interface DebianLikeIso {
  dir: string
  exec: Exec
  name?: string
  /** Further files of the root; null takes one away. */
  files?: Readonly<Record<string, string | Buffer | null>>
  /** Further programs of this host in its /usr/bin. */
  programs?: readonly string[]
  /** Further paragraphs of dpkg's list. */
  installed?: readonly string[]
  /** Options of mksquashfs. */
  squashfs?: readonly string[]
  /** Owners, devices and the like: what files alone do not say. */
  change?: (root: string) => Promise<void>
  /** How it boots, as options of `xorriso -as mkisofs` from the second boot image on; the EFI image lies beside the tree. */
  boot?: (efi: string) => readonly string[]
  /** Further options of `xorriso -as mkisofs`. */
  iso?: readonly string[]
}

const usualPrograms = [
  '/usr/bin/dpkg', '/usr/bin/dpkg-deb', '/usr/bin/dpkg-query', '/usr/bin/dpkg-split', '/usr/bin/dpkg-divert', '/usr/bin/dpkg-trigger', '/bin/dash', '/bin/tar', '/bin/rm', '/bin/cat', '/bin/cp', '/bin/mv',
  '/bin/mkdir', '/bin/mknod', '/bin/chmod', '/bin/chown', '/bin/ln', '/bin/ls', '/usr/bin/env', '/usr/bin/touch', '/bin/readlink', '/bin/sed', '/bin/grep', '/usr/bin/diff', '/usr/bin/setpriv', '/bin/mount',
]
const adminPrograms = ['/sbin/ldconfig', '/sbin/start-stop-daemon', '/bin/kmod', '/usr/sbin/chroot']

const hybrid = ['-isohybrid-mbr', '/usr/lib/ISOLINUX/isohdpfx.bin', '-partition_offset', '16']
const efiFile = (): string[] => ['-eltorito-alt-boot', '-e', 'boot/grub/efi.img', '-no-emul-boot', ...hybrid, '-isohybrid-gpt-basdat']
/** The EFI partition behind the end of the file system, and no file of it, as newer live images have it. */
export const efiAppended = (efi: string): string[] => ['-append_partition', '2', '0xef', efi, '-eltorito-alt-boot', '-e', '--interval:appended_partition_2:all::', '-no-emul-boot', ...hybrid]

// Initrds of these images are lists of files with their content, so a test can read them.
const mkinitramfs = `#!/bin/sh
set -e
cd /
for file in etc/initramfs-tools/modules usr/bin/inside usr/lib/modules/$3/kernel/inside.ko; do
  [ ! -f "$file" ] || { echo "file $file"; cat "$file"; echo; }
done > "$2"
`
const lsinitramfs = '#!/bin/sh\nexec sed -n "s/^file //p" "$1"\n'

/**
 * A live ISO with a small Debian-like root: this host's dpkg, shell and core programs, a kernel with modules in name, and an initrd that is
 * a text. Boots under BIOS and UEFI as far as its records go; its programs do run in a chroot.
 */
export async function debianLikeIso({ dir, exec, name = 'router', files = {}, programs: further = [], installed = [], squashfs = ['-comp', 'zstd', '-Xcompression-level', '1', '-b', '128K'], change, boot = efiFile, iso = [] }: DebianLikeIso): Promise<string> {
  const [root, tree] = [join(dir, `${name}-root`), join(dir, `${name}-tree`)]
  for (const folder of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'etc', 'boot', 'proc', 'run', 'tmp', 'dev', 'mnt', 'root', 'var/log', 'var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/dpkg/triggers', 'usr/share/doc']) await mkdir(join(root, folder), { recursive: true })
  for (const link of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${link}`, join(root, link))
  const programs = [...usualPrograms, ...further]
  for (const [list, to] of [[programs, 'usr/bin'], [adminPrograms, 'usr/sbin']] as const) for (const program of list) await copyFile(await realpath(program), join(root, to, basename(program)))
  await symlink('dash', join(root, 'usr/bin/sh'))
  await symlink('kmod', join(root, 'usr/sbin/depmod'))
  const { stdout } = await exec(['ldd', ...programs, ...adminPrograms])
  for (const path of new Set(stdout.match(/\/\S+\.so\S*/g))) {
    const to = join(root, path.startsWith('/usr/') ? path : `/usr${path}`)
    await mkdir(dirname(to), { recursive: true })
    await copyFile(path, to)
  }
  await exec(['/sbin/ldconfig', '-r', root])
  const status = (pkg: string, version: string, more = ''): string => `Package: ${pkg}\nStatus: install ok installed\nMaintainer: test <test@localhost>\nArchitecture: amd64\nVersion: ${version}\nDescription: test\n${more}`
  const kernel = bzImage(gzipSync(vmlinuxFile()), { release: oldRelease })
  const module = elfObject({ info: ['name=inside', 'license=GPL', 'depends=', `vermagic=${oldRelease} SMP `] })
  const all: Record<string, string | Buffer | null> = {
    'etc/os-release': 'ID=debian\nPRETTY_NAME="Debian-like"\n', 'etc/debian_version': '12.5\n', 'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n', 'etc/group': 'root:x:0:\n',
    'var/lib/dpkg/status': [status('dpkg', '1.21.22', 'Essential: yes\n'), status(`linux-image-${oldRelease}`, '6.1.1-1'), status('tool', '2.0'), ...installed].join('\n'), 'var/lib/dpkg/available': '', 'var/lib/dpkg/info/format': '1\n', 'var/lib/dpkg/triggers/Unincorp': '',
    'var/lib/dpkg/info/dpkg.list': '', [`var/lib/dpkg/info/linux-image-${oldRelease}.list`]: `/boot\n/boot/vmlinuz-${oldRelease}\n/usr/lib/modules/${oldRelease}/kernel/inside.ko\n`, 'var/lib/dpkg/info/tool.list': '/usr/share/tool\n', 'usr/share/tool': 'shipped\n',
    [`boot/vmlinuz-${oldRelease}`]: kernel, [`usr/lib/modules/${oldRelease}/kernel/inside.ko`]: module, 'usr/bin/inside': 'a program that the initrd has\n', 'etc/initramfs-tools/modules': '# none\n',
    // The one of the image would fail: it must not be what packages call.
    'usr/sbin/update-initramfs': '#!/bin/sh\necho the real update-initramfs ran >&2\nexit 1\n', 'usr/sbin/mkinitramfs': mkinitramfs, 'usr/bin/lsinitramfs': lsinitramfs, ...files,
  }
  for (const [path, content] of Object.entries(all)) {
    if (content === null) continue
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
    if (/^usr\/s?bin\/|\.(pre|post)(inst|rm)$/.test(path)) await chmod(join(root, path), 0o755)
  }
  const inRoot = (...argv: Argv): Promise<{ stdout: string }> => exec(['chroot', root, ...argv])
  await inRoot('depmod', oldRelease)
  if (all['usr/sbin/mkinitramfs'] !== null) await inRoot('mkinitramfs', '-o', `/boot/initrd.img-${oldRelease}`, oldRelease)
  else await writeFile(join(root, `boot/initrd.img-${oldRelease}`), 'file usr/bin/inside\n')

  await change?.(root)
  for (const folder of ['live', 'isolinux', 'boot/grub']) await mkdir(join(tree, folder), { recursive: true })
  await copyFile(join(root, `boot/vmlinuz-${oldRelease}`), join(tree, 'live/vmlinuz'))
  await copyFile(join(root, `boot/initrd.img-${oldRelease}`), join(tree, 'live/initrd.img'))
  await exec(['find', root, '-exec', 'touch', '--no-dereference', `--date=@${String(imageDate)}`, '{}', '+'])
  await exec(['mksquashfs', root, join(tree, 'live/filesystem.squashfs'), ...squashfs, '-mkfs-time', String(imageDate), '-noappend', '-no-progress', '-quiet'] as unknown as Argv)
  await writeFile(join(tree, 'live/filesystem.packages'), (await inRoot('dpkg-query', '-W')).stdout)
  await writeFile(join(tree, 'boot/grub/grub.cfg'), 'menuentry live {\n  linux /live/vmlinuz boot=live\n  initrd /live/initrd.img\n}\n')
  await copyFile('/usr/lib/ISOLINUX/isolinux.bin', join(tree, 'isolinux/isolinux.bin'))
  const efi = join(tree, 'boot/grub/efi.img')
  await exec(['mformat', '-C', '-i', efi, '-T', '2880', '-h', '2', '-s', '18', '::'])
  // The second list has the first one's checksum, which is another one in another ISO.
  await writeFile(join(tree, 'md5sum.txt'), (await exec(['find', 'live', 'boot', '-type', 'f', '-exec', 'md5sum', '{}', '+'], { cwd: tree })).stdout)
  const listed = await exec(['find', 'live', 'boot', 'md5sum.txt', '-type', 'f', '-exec', 'sha256sum', '{}', '+'], { cwd: tree })
  await writeFile(join(tree, 'sha256sum.txt'), listed.stdout.split('\n').filter((line) => line !== '').sort().map((line) => `${line.replace('  ', '  ./')}\n`).join(''))
  for (const algorithm of ['sha1', 'sha512']) await writeFile(join(tree, `${algorithm}sum.txt`), (await exec(['find', 'live', 'boot', 'sha256sum.txt', '-type', 'f', '-exec', `${algorithm}sum`, '{}', '+'], { cwd: tree })).stdout)
  const image = join(dir, `${name}.iso`)
  // No date is fixed here: whoever writes the next ISO must take them from this one.
  await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-o', image, '-V', 'DEBIAN_LIKE', '-r', '-J', '-joliet-long', '-c', 'isolinux/boot.cat', '-b', 'isolinux/isolinux.bin', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table',
    ...boot(efi), ...iso, tree] as unknown as Argv)
  return image
}

interface Package {
  name: string
  version?: string
  architecture?: string
  /** Further lines of the control file. */
  control?: string
  files?: Readonly<Record<string, string | Buffer>>
  /** Maintainer scripts by name. */
  scripts?: Readonly<Record<string, string>>
}

let packed = 0

/** Builds a .deb, and returns its path. */
export async function debianPackage(dir: string, exec: Exec, { name, version = '1.0', architecture = 'all', control = '', files = {}, scripts = {} }: Package): Promise<string> {
  packed += 1
  const tree = join(dir, `package-${String(packed)}`)
  await mkdir(join(tree, 'DEBIAN'), { recursive: true })
  await writeFile(join(tree, 'DEBIAN/control'), `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: test <test@localhost>\nDescription: test\n${control}`)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true })
    await writeFile(join(tree, path), content)
  }
  for (const [script, text] of Object.entries(scripts)) {
    await writeFile(join(tree, 'DEBIAN', script), `#!/bin/sh\nset -e\n${text}`)
    await chmod(join(tree, 'DEBIAN', script), 0o755)
  }
  const to = join(dir, `${name}_${version}_${architecture}.deb`)
  await exec(['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, to])
  return to
}
