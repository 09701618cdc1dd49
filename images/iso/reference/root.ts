import { chmod, chown, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { localPool, mmdebstrapOptions } from '../../../scripts/lib/build-root.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { Argv } from '../../../scripts/lib/exec.ts'
import type { IsoDeps } from '../deps.ts'
import { kernelPackage } from '../kernel-package.ts'
import type { ReferencePlan } from '../plan.ts'
import { makeShippedJool, writeVyosFiles } from './vyos-shaped.ts'

/**
 * The router's root file system in `root`: Debian's packages from the verified downloads, ours from the apt
 * repository of the debs stage, all by one apt run as on any machine.
 */
export async function makeReferenceRoot(root: string, plan: ReferencePlan, deps: IsoDeps): Promise<{ manifest: string }> {
  deps.log.step(`making the router's root (Debian ${plan.target.suite}, ${String(plan.packages.length)} packages)`)
  const kernel = plan.kernel === 'replace' ? kernelPackage(plan.release, deps.before.headers) : undefined
  const shipped = plan.vyosShape === undefined ? undefined : await makeShippedJool(join(deps.workDir, 'shipped'), plan.vyosShape, plan, deps)
  const given = [kernel, shipped].filter((one) => one !== undefined)
  const pool = await localPool(plan.packages, join(deps.workDir, 'router-pool'), deps, given.map(({ path }) => path))
  const overlay = join(deps.workDir, 'overlay')
  await layOut(join(deps.projectDir, 'images/iso/reference/root'), overlay)
  await writeFile(join(overlay, 'etc/hostname'), `${plan.hostname}\n`)
  await writeFile(join(overlay, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${plan.hostname}\n::1 localhost ip6-localhost ip6-loopback\n`)

  const { debs } = deps.before
  const { argv, env } = mmdebstrapOptions(plan.target.sourceDateEpoch)
  const include = [...plan.packages.map((pkg) => pkg.name), ...given.map(({ name }) => name), ...plan.ownPackages].join(',')
  await deps.exec(['mmdebstrap', ...argv,
    // In place before any package: dpkg's exclusions and the initrd's contents are decided while packages install.
    `--setup-hook=copy-in ${overlay}/etc /`,
    `--include=${include}`, plan.target.suite, root,
    ...[pool, join(debs.dir, debs.aptDir)].map((dir) => `deb [trusted=yes] copy:${encodeURI(dir)} ./`),
  ] as unknown as Argv, { env, contained: true, doing: 'install the router\'s packages', errorCode: 'E_ISO', timeoutMs: 30 * 60_000 })

  deps.log.step('configuring the router\'s root')
  const inRoot = (doing: string, ...command: Argv): Promise<{ stdout: string }> =>
    deps.exec(['chroot', root, ...command], { env, contained: true, doing, errorCode: 'E_ISO' })
  await inRoot('enable networking in the router', 'systemctl', 'enable', '--quiet', 'systemd-networkd.service')
  await inRoot('switch off what a live router does not need', 'systemctl', 'mask', '--quiet', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'e2scrub_reap.service', 'fstrim.timer', 'systemd-networkd-wait-online.service')
  const hash = await deps.exec(['openssl', 'passwd', '-6', '-salt', 'nat64forge', '-stdin'], { input: `${plan.rootPassword}\n`, doing: 'hash the console password' })
  await inRoot('set the console password', 'usermod', '-p', hash.stdout.trim(), 'root')
  const { stdout: manifest } = await inRoot('list the router\'s packages', 'dpkg-query', '-W', '-f', '${Package} ${Version} ${source:Package} ${source:Version}\\n')
  if (kernel !== undefined) await finishKernel(root, plan, inRoot)
  if (plan.vyosShape !== undefined) await writeVyosFiles(root, plan.vyosShape, plan)
  await expectInstalled(root, plan)
  await removeTraces(root)
  return { manifest }
}

/**
 * Kernel packages of `make bindeb-pkg` name none of what turns a kernel into a booting system, so dpkg may configure
 * them before it: the lists of modules and the initrd are made anew when all is there.
 */
async function finishKernel(root: string, { release }: ReferencePlan, inRoot: (doing: string, ...command: Argv) => Promise<unknown>): Promise<void> {
  await inRoot('list the kernel\'s modules', 'depmod', release)
  const initrd = await stat(join(root, `boot/initrd.img-${release}`)).then(() => '-u', () => '-c')
  await inRoot('make the initrd', 'update-initramfs', initrd, '-k', release)
  const kernels = await readdir(join(root, 'lib/modules'))
  if (kernels.length !== 1) throw new ForgeError('E_ISO', `the router's root has the modules of ${kernels.sort().join(' and ')}, wanted only ${release}`, { hint: 'take packages out of iso.packages that bring another kernel' })
}

/** The assets with the modes they have on the router, whoever checked them out under whatever umask. */
async function layOut(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  await chown(to, 0, 0)
  await chmod(to, 0o755)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) {
      await layOut(source, target)
      continue
    }
    await copyFile(source, target)
    await chown(target, 0, 0)
    await chmod(target, ((await stat(source)).mode & 0o100) === 0 ? 0o644 : 0o755)
  }
}

async function expectInstalled(root: string, plan: ReferencePlan): Promise<void> {
  const jool = plan.vyosShape === undefined ? 'updates/jool/jool.ko' : 'extra/jool.ko'
  for (const path of [`boot/vmlinuz-${plan.release}`, `boot/initrd.img-${plan.release}`, `lib/modules/${plan.release}/${jool}`, `lib/modules/${plan.release}/modules.dep`]) {
    await stat(join(root, path)).catch((cause: unknown) => {
      throw new ForgeError('E_ISO', `the router's root has no ${path} although all packages were installed`, { cause })
    })
  }
}

/** What installation leaves behind: times, caches and identities that would make every image differ. */
async function removeTraces(root: string): Promise<void> {
  const traces = [
    'var/cache/ldconfig/aux-cache', 'var/cache/debconf/templates.dat-old', 'var/cache/debconf/config.dat-old', 'var/lib/systemd/random-seed', 'var/lib/dbus/machine-id',
    'etc/.pwd.lock', 'etc/passwd-', 'etc/group-', 'etc/shadow-', 'etc/gshadow-', 'etc/resolv.conf', 'var/lib/dpkg/status-old', 'var/lib/dpkg/diversions-old', 'var/lib/dpkg/statoverride-old',
    // mmdebstrap's own settings: apt as root and dpkg without syncing are for making roots, not for routers.
    'etc/apt/apt.conf.d/99mmdebstrap', 'etc/dpkg/dpkg.cfg.d/99mmdebstrap',
    'var/log/apt', 'var/log/dpkg.log', 'var/log/alternatives.log', 'var/log/bootstrap.log', 'var/log/journal', 'var/lib/apt/lists', 'var/cache/apt',
  ]
  for (const path of traces) await rm(join(root, path), { recursive: true, force: true })
  await mkdir(join(root, 'var/log/apt'), { recursive: true })
  await mkdir(join(root, 'var/lib/apt/lists/partial'), { recursive: true })
  await mkdir(join(root, 'var/cache/apt/archives/partial'), { recursive: true })
  // Empty means "make one at the first boot"; missing would turn every boot into a first boot with presets.
  await writeFile(join(root, 'etc/machine-id'), '')
  await writeFile(join(root, 'etc/apt/sources.list'), '# Add the Debian mirror that this router should use.\n')
  for (const name of await readdir(join(root, 'etc/apt/sources.list.d')).catch(() => [])) await rm(join(root, 'etc/apt/sources.list.d', name))
  await writeFile(join(root, 'etc/resolv.conf'), '')
}
