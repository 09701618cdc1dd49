import { chmod, cp, mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { canonicalJson, sha256Of } from '../../scripts/lib/digest.ts'
import type { Argv } from '../../scripts/lib/exec.ts'
import { hostMirrors } from '../../scripts/lib/mirrors.ts'
import type { Session } from '../../scripts/pipeline/session.ts'

/** On the host. What else it needs, it installs in the image's root, and takes away again. */
export const liveBuildTools = ['lb', 'debootstrap'] as const

// What VyOS's image build (vyos-build, scripts/image-build) tells live-build, but for packages and texts.
const bootOptions = 'boot=live components hostname=vyos username=live nopersistence noautologin nonetworking union=overlay net.ifnames=0 biosdevname=0 console=tty0 console=ttyS0,115200 loglevel=6'
const options = (kernel: string, flavour: string): string[] => [
  '--architecture', 'amd64', '--distribution', 'bookworm', '--archive-areas', 'main', '--binary-images', 'iso-hybrid', '--bootloaders', 'syslinux,grub-efi',
  '--chroot-squashfs-compression-type', 'xz -Xbcj x86 -b 256k -always-use-fragments -no-recovery', '--checksums', 'sha256 md5', '--iso-application', 'VyOS', '--iso-volume', 'VyOS',
  '--bootappend-live', bootOptions, '--bootappend-live-failsafe', 'none', '--linux-packages', kernel, '--linux-flavours', flavour, '--debootstrap-options', '--variant=minbase --include=ca-certificates',
  '--apt-indices', 'false', '--apt-recommends', 'false', '--debian-installer', 'none', '--firmware-binary', 'false', '--firmware-chroot', 'false', '--memtest', 'none', '--win32-loader', 'false',
  '--security', 'true', '--updates', 'true', '--backports', 'false', '--source', 'false', '--zsync', 'false', '--uefi-secure-boot', 'disable', '--cache', 'false',
]

/** What a router is asked for on its console, and what nat64ctl runs on; no translator, and no library that one needs. */
const packages = ['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'procps', 'iproute2', 'iputils-ping', 'python3', 'nftables', 'zstd']

const configuration: Readonly<Record<string, string>> = {
  'package-lists/router.list.chroot': `${packages.join('\n')}\n`,
  'includes.chroot_before_packages/etc/dpkg/dpkg.cfg.d/unsafe-io': 'force-unsafe-io\n',
  'hooks/normal/9000-login.hook.chroot': [
    '#!/bin/sh', 'set -e', 'echo root:router | chpasswd', 'systemctl enable --quiet systemd-networkd.service',
    'systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer systemd-networkd-wait-online.service', '',
  ].join('\n'),
  // VyOS brings menus of its own too: live-build's wait for a key, on a screen.
  'bootloaders/isolinux/isolinux.cfg': 'serial 0 115200\nprompt 0\ntimeout 10\ndefault live\ninclude live.cfg\n',
  'bootloaders/isolinux/live.cfg.in': 'label live\n  linux @LINUX@\n  initrd @INITRD@\n  append @APPEND_LIVE@\n',
  'bootloaders/grub-pc/grub.cfg': 'serial --unit=0 --speed=115200\nterminal_input console serial\nterminal_output console serial\nset timeout=1\nset default=0\n@LINUX_LIVE@\n',
}

/**
 * An ISO with Debian's kernel of that release, made by Debian's live-build with VyOS's options; root's password on the console is `router`. Kept in the
 * store by what was asked for. Its packages come from the host's mirror, and are those of the day it was made.
 */
export async function liveBuildIso(release: string, { store, exec }: Session): Promise<string> {
  const [, kernel = '', flavour = ''] = /^(.+)-([a-z0-9]+)$/.exec(release) ?? []
  const asked = options(`linux-image-${kernel}`, flavour)
  const { dir } = await store.obtain('live-build', sha256Of(canonicalJson({ asked, configuration })), async (to) => {
    const started = performance.now()
    const work = join(store.workDir, 'live-build')
    for (const [path, text] of Object.entries(configuration)) {
      await mkdir(dirname(join(work, 'config', path)), { recursive: true })
      await writeFile(join(work, 'config', path), text)
    }
    await chmod(join(work, 'config/hooks/normal/9000-login.hook.chroot'), 0o755)
    // The reference router's: no sound, screens and manuals; a small initrd; forwarding.
    for (const path of ['dpkg/dpkg.cfg.d', 'initramfs-tools', 'sysctl.d']) await cp(join('images/iso/reference/root/etc', path), join(work, 'config/includes.chroot_before_packages/etc', path), { recursive: true })
    const { debian, 'debian-security': security } = await hostMirrors(exec)
    const mirrors = ['bootstrap', 'chroot', 'binary'].flatMap((part) => [`--mirror-${part}`, debian, `--parent-mirror-${part}`, debian]).concat(['chroot', 'binary'].flatMap((part) => [`--mirror-${part}-security`, security, `--parent-mirror-${part}-security`, security]))
    const run = (words: readonly string[], doing: string): Promise<unknown> => exec(['lb', ...words] as unknown as Argv, { cwd: work, contained: true, doing, timeoutMs: 60 * 60_000 })
    await run(['config', 'noauto', ...asked, ...mirrors], 'configure live-build')
    await run(['build', 'noauto'], 'run live-build')
    const iso = (await readdir(work)).find((name) => name.endsWith('.iso'))
    if (iso === undefined) throw new ForgeError('E_BUG', 'live-build made no ISO')
    await rename(join(work, iso), join(to, 'live-build.iso'))
    return { artifact: {}, inputs: {}, ms: Math.round(performance.now() - started) }
  })
  return join(dir, 'live-build.iso')
}
