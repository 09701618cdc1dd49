import { copyFile, mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'

export const installTools = ['xorriso', 'unsquashfs', 'sfdisk', 'mke2fs', 'mformat', 'mcopy', 'grub-mkimage', '/usr/lib/grub/i386-pc/boot.img', '/usr/lib/grub/x86_64-efi/linux.mod'] as const

const mib = 1048576
const image = 'router'
const sector = 512
const efiBytes = 16 * mib
const keptBytes = 256 * mib

/**
 * Installs a router on a new disk as VyOS's installer does (vyos-1x, op_mode/image_installer.py): the checksums of the ISO must hold; of its files only
 * live/filesystem.squashfs is used, copied to boot/NAME; kernel and initrd are those in it. GRUB boots under BIOS and UEFI. All that the router
 * writes is on the disk, in an overlay over the squashfs: VyOS's own live-boot keeps it beside the squashfs, Debian's asks for another partition.
 */
export async function installToDisk(iso: string, disk: string, workDir: string, exec: Exec): Promise<void> {
  const [medium, root, system, kept] = ['medium', 'root', 'system', 'kept'].map((name) => join(workDir, name)) as [string, string, string, string]
  for (const dir of [join(system, 'boot/grub'), join(system, 'boot', image), kept]) await mkdir(dir, { recursive: true })
  await exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', '/', medium])
  await exec(['sha256sum', '--check', '--strict', '--quiet', 'sha256sum.txt'], { cwd: medium })
  const squashfs = join(medium, 'live/filesystem.squashfs')
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', root, squashfs, 'boot'])
  await copyFile(squashfs, join(system, `boot/${image}/${image}.squashfs`))
  for (const name of ['vmlinuz', 'initrd.img']) {
    const found = (await readdir(join(root, 'boot'))).filter((file) => file.startsWith(`${name}-`))
    if (found[0] === undefined || found.length > 1) throw new Error(`the squashfs has ${String(found.length)} files boot/${name}-*`)
    await copyFile(join(root, 'boot', found[0]), join(system, 'boot', image, name))
  }
  await writeFile(join(system, 'boot/grub/grub.cfg'), [
    'serial --unit=0 --speed=115200', 'terminal_input console serial', 'terminal_output console serial', 'set timeout=1', 'set default=0', `menuentry "${image}" {`,
    `  linux /boot/${image}/vmlinuz boot=live live-media-path=/boot/${image} persistence net.ifnames=0 console=tty0 console=ttyS0,115200 loglevel=6`,
    `  initrd /boot/${image}/initrd.img`, '}', '',
  ].join('\n'))
  await writeFile(join(kept, 'persistence.conf'), '/ union\n')

  const systemBytes = Math.ceil(((await stat(squashfs)).size * 1.05 + 96 * mib) / mib) * mib
  const at = { bios: mib, efi: 2 * mib, system: 2 * mib + efiBytes, kept: 2 * mib + efiBytes + systemBytes }
  await writeFile(disk, '')
  await truncate(disk, at.kept + keptBytes + mib)
  const part = (start: number, bytes: number, type: string): string => `start=${String(start / sector)}, size=${String(bytes / sector)}, type=${type}\n`
  await exec(['sfdisk', '--quiet', disk], { input: `label: gpt\n${part(at.bios, mib, '21686148-6449-6E6F-744E-656564454649')}${part(at.efi, efiBytes, 'U')}${part(at.system, systemBytes, 'L')}${part(at.kept, keptBytes, 'L')}` })
  for (const [label, content, start, bytes] of [['system', system, at.system, systemBytes], ['persistence', kept, at.kept, keptBytes]] as const) {
    await exec(['mke2fs', '-q', '-F', '-t', 'ext4', '-L', label, '-d', content, '-E', `offset=${String(start)}`, disk, `${String(bytes / 1024)}k`], { timeoutMs: 10 * 60_000 })
  }
  await installBootLoaders(disk, at, workDir, exec)
}

/** What grub-install does, without a device: core images that find the partition by its label. */
async function installBootLoaders(disk: string, at: { bios: number; efi: number }, workDir: string, exec: Exec): Promise<void> {
  const early = join(workDir, 'early.cfg')
  await writeFile(early, 'search --no-floppy --set=root --label system\nset prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n')
  const core = async (format: string, name: string, modules: readonly string[]): Promise<string> => {
    const to = join(workDir, name)
    await exec(['grub-mkimage', `--format=${format}`, `--directory=/usr/lib/grub/${format}`, `--output=${to}`, '--prefix=/boot/grub', `--config=${early}`,
      'part_gpt', 'ext2', 'search', 'search_label', 'normal', 'configfile', 'linux', 'serial', 'terminal', 'echo', 'test', ...modules] as unknown as Argv)
    return to
  }
  const efi = `${disk}@@${String(at.efi)}`
  await exec(['mformat', '-i', efi, '-T', String(efiBytes / sector), '-h', '16', '-s', '32', '-v', 'EFI', '::'])
  await exec(['mmd', '-i', efi, '::/EFI', '::/EFI/BOOT'])
  await exec(['mcopy', '-i', efi, await core('x86_64-efi', 'grub.efi', ['fat', 'efi_gop', 'all_video']), '::/EFI/BOOT/BOOTX64.EFI'])

  // GRUB's two first sectors are told where the next ones lie: in the MBR the first sector of the core image (at 0x5c), in the core image the
  // first of the others (12 bytes before the end of its first sector; their number is there already).
  const [boot, bios] = [await readFile('/usr/lib/grub/i386-pc/boot.img'), await readFile(await core('i386-pc', 'core.img', ['biosdisk']))]
  const first = BigInt(at.bios / sector)
  boot.writeBigUInt64LE(first, 0x5c)
  bios.writeBigUInt64LE(first + 1n, sector - 12)
  await using file = await open(disk, 'r+')
  // Behind the code are the disk's signature and the partition table.
  await file.write(boot, 0, 440, 0)
  await file.write(bios, 0, bios.length, at.bios)
}
