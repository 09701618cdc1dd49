import { copyFile, mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256File } from '../../scripts/lib/digest.ts'
import type { Argv } from '../../scripts/lib/exec.ts'
import type { HostTool } from '../../scripts/lib/host-tools.ts'
import type { IsoDeps } from './deps.ts'
import type { ReferencePlan } from './plan.ts'
import { versionJson } from './vyos-shape.ts'
import type { SecureBoot } from './secure-boot/sign.ts'

const isolinux = '/usr/lib/ISOLINUX'
const syslinux = '/usr/lib/syslinux/modules/bios'
const grubModules = '/usr/lib/grub/x86_64-efi'

export const assembleTools: readonly HostTool[] = [
  { command: 'mksquashfs', package: 'squashfs-tools', why: 'packs the router\'s root file system' },
  { command: 'xorriso', package: 'xorriso', why: 'writes the ISO' },
  { command: `${isolinux}/isolinux.bin`, package: 'isolinux', why: 'boots the ISO under BIOS' },
  { command: `${syslinux}/ldlinux.c32`, package: 'syslinux-common', why: 'boots the ISO under BIOS' },
  { command: 'grub-mkimage', package: 'grub-common', why: 'makes the boot loader for UEFI' },
  { command: `${grubModules}/linux.mod`, package: 'grub-efi-amd64-bin', why: 'boots the ISO under UEFI' },
  { command: 'mformat', package: 'mtools', why: 'makes the EFI system partition' },
]

interface AssembleInput {
  root: string
  /** The root's packages, one `name version …` a line. */
  manifest: string
  secureBoot: SecureBoot | undefined
}

/**
 * The ISO in `outDir`, laid out like VyOS's: live/filesystem.squashfs, live/vmlinuz, live/initrd.img, isolinux for
 * BIOS, GRUB for UEFI (after shim, for Secure Boot), a hybrid partition table for USB sticks, sha256sum.txt over its files.
 */
export async function assembleIso({ root, manifest, secureBoot }: AssembleInput, plan: ReferencePlan, deps: IsoDeps): Promise<{ squashfsBytes: number }> {
  const { exec, log } = deps
  const tree = join(deps.workDir, 'iso')
  const env = { SOURCE_DATE_EPOCH: String(plan.target.sourceDateEpoch) }
  for (const folder of ['live', 'isolinux', 'boot/grub', 'EFI/BOOT']) await mkdir(join(tree, folder), { recursive: true })
  if (secureBoot) log.step('signing kernel and boot loaders for Secure Boot')
  // The root's own, so that an installed router boots under Secure Boot too.
  await secureBoot?.sign(join(root, `boot/vmlinuz-${plan.release}`))
  await copyFile(join(root, `boot/vmlinuz-${plan.release}`), join(tree, 'live/vmlinuz'))
  await copyFile(join(root, `boot/initrd.img-${plan.release}`), join(tree, 'live/initrd.img'))

  log.step('packing the root file system (squashfs)')
  const squashfs = join(tree, 'live/filesystem.squashfs')
  await exec(['mksquashfs', root, squashfs, ...plan.squashfs, '-noappend', '-no-progress', '-quiet', '-processors', String(deps.jobs)] as unknown as Argv, {
    env, doing: 'pack the root file system', errorCode: 'E_ISO', timeoutMs: 2 * 60 * 60_000,
  })

  log.step('writing the ISO')
  await copyFile(join(isolinux, 'isolinux.bin'), join(tree, 'isolinux/isolinux.bin'))
  await copyFile(join(syslinux, 'ldlinux.c32'), join(tree, 'isolinux/ldlinux.c32'))
  await writeFile(join(tree, 'isolinux/isolinux.cfg'), plan.isolinuxConfig)
  await writeFile(join(tree, 'boot/grub/grub.cfg'), plan.grubConfig)
  await makeEfiBoot(tree, env, deps, secureBoot)
  if (plan.vyosShape !== undefined) {
    await writeFile(join(tree, 'version.json'), versionJson(plan.vyosShape, plan.target.sourceDateEpoch))
    await writeFile(join(tree, 'live/filesystem.packages'), manifest.split('\n').map((line) => line.split(' ').slice(0, 2).join('\t')).join('\n'))
  }
  const files = await checksummed(tree)
  await writeFile(join(tree, 'sha256sum.txt'), await checksums(tree, files))
  // live-build's second, where VyOS asks for both; each covers the same files, not the other.
  if (plan.vyosShape !== undefined) await exec(['md5sum', '--', ...files.map((path) => `./${path}`)], { cwd: tree, stdoutFile: join(tree, 'md5sum.txt'), doing: 'write md5sum.txt', errorCode: 'E_ISO' })
  await setTimes(tree, plan.target.sourceDateEpoch)
  await exec(['xorriso', '-no_rc', '-as', 'mkisofs', '-quiet', '-o', join(deps.outDir, plan.isoName), '-V', plan.volumeId, '-r', '-J', '-joliet-long',
    '-c', 'isolinux/boot.cat', '-b', 'isolinux/isolinux.bin', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table',
    '-eltorito-alt-boot', '-e', 'boot/grub/efi.img', '-no-emul-boot',
    '-isohybrid-mbr', join(isolinux, 'isohdpfx.bin'), '-isohybrid-gpt-basdat', '-partition_offset', '16', tree,
  ], { env, doing: 'write the ISO', errorCode: 'E_ISO' })
  return { squashfsBytes: (await stat(squashfs)).size }
}

/** GRUB as one EFI program that finds the medium by the kernel on it, in a FAT image for the firmware; under Secure Boot shim comes first. */
async function makeEfiBoot(tree: string, env: Record<string, string>, { exec, workDir }: IsoDeps, secureBoot: SecureBoot | undefined): Promise<void> {
  const early = join(workDir, 'early-grub.cfg')
  await writeFile(early, 'search --no-floppy --set=root --file /live/vmlinuz\nset prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n')
  const first = join(tree, 'EFI/BOOT/BOOTX64.EFI')
  // The name by which shim looks for it, beside itself.
  const program = secureBoot === undefined ? first : join(tree, 'EFI/BOOT/grubx64.efi')
  await exec(['grub-mkimage', '--format=x86_64-efi', `--directory=${grubModules}`, `--output=${program}`, '--prefix=/boot/grub', `--config=${early}`, ...(secureBoot === undefined ? [] : [`--sbat=${await secureBoot.sbat()}`]),
    'iso9660', 'fat', 'part_gpt', 'part_msdos', 'search', 'search_fs_file', 'normal', 'configfile', 'linux', 'serial', 'terminal', 'efi_gop', 'all_video', 'echo', 'test', ...(secureBoot === undefined ? [] : ['linuxefi']),
  ], { env, doing: 'make the boot loader for UEFI', errorCode: 'E_ISO' })

  await secureBoot?.shim(first)
  await secureBoot?.sign(program)
  const programs = [...new Set([first, program])]
  let bytes = 0
  for (const path of programs) {
    await utimes(path, Number(env['SOURCE_DATE_EPOCH']), Number(env['SOURCE_DATE_EPOCH']))
    bytes += (await stat(path)).size
  }
  const image = join(tree, 'boot/grub/efi.img')
  const sectors = 2048 * Math.ceil(bytes / 1048576 + 1)
  await exec(['mformat', '-C', '-i', image, '-T', String(sectors), '-h', '16', '-s', '32', '-N', '4e363446', '-v', 'EFIBOOT', '::'], { env, doing: 'make the EFI partition', errorCode: 'E_ISO' })
  await exec(['mmd', '-i', image, '::/EFI', '::/EFI/BOOT'], { env, doing: 'make the EFI partition', errorCode: 'E_ISO' })
  await exec(['mcopy', '-m', '-i', image, ...programs, '::/EFI/BOOT'], { env, doing: 'make the EFI partition', errorCode: 'E_ISO' })
}

/** Every file and folder gets the image's one date: xorriso writes down what it finds. */
async function setTimes(tree: string, epochSeconds: number): Promise<void> {
  for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) await utimes(join(entry.parentPath, entry.name), epochSeconds, epochSeconds)
  await utimes(tree, epochSeconds, epochSeconds)
}

/** The ISO's files but isolinux.bin, as live-build has it: that one is patched while the ISO is written. */
async function checksummed(tree: string): Promise<string[]> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1)).filter((path) => path !== 'isolinux/isolinux.bin').sort()
}

/** Lines as `sha256sum` writes them. */
async function checksums(tree: string, paths: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const path of paths) lines.push(`${await sha256File(join(tree, path))}  ./${path}`)
  return `${lines.join('\n')}\n`
}
