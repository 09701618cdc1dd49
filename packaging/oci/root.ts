import { chmod, chown, copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { localPool, mmdebstrapOptions, requireRoot, type RootDeps } from '../../scripts/lib/build-root.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Argv } from '../../scripts/lib/exec.ts'
import type { GivenPackage } from './given.ts'
import type { ContainerLocked } from './lock.ts'

/** Part of mmdebstrap. */
const mergedUsr = '/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh'

/** Copyright files stay: they are what the licences ask for. */
const dpkgOptions = [
  'path-exclude=/usr/share/doc/*', 'path-include=/usr/share/doc/*/copyright', 'path-exclude=/usr/share/man/*', 'path-exclude=/usr/share/info/*', 'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/lintian/*', 'path-exclude=/usr/share/bash-completion/*', 'path-exclude=/usr/share/zoneinfo/*',
]

/**
 * What installation leaves behind: times, caches, and what this host put there or whoever runs a container does. Whatever apt would need goes too.
 */
const traces = [
  'etc/apt', 'var/lib/apt', 'var/cache/apt', 'etc/dpkg/dpkg.cfg.d/99mmdebstrap', 'var/cache/ldconfig/aux-cache', 'var/cache/debconf', 'var/lib/systemd',
  'etc/.pwd.lock', 'etc/passwd-', 'etc/group-', 'etc/shadow-', 'etc/gshadow-', 'etc/subuid-', 'etc/subgid-', 'etc/resolv.conf', 'etc/hostname', 'etc/machine-id', 'var/lib/dbus',
  'var/lib/dpkg/status-old', 'var/lib/dpkg/diversions-old', 'var/lib/dpkg/statoverride-old', 'var/lib/dpkg/lock', 'var/lib/dpkg/lock-frontend', 'var/lib/dpkg/triggers/Lock',
]

/** Folders whose content is not the image's. */
const emptied = ['dev', 'proc', 'sys', 'run', 'tmp', 'var/log', 'var/tmp']

/** One line a package: name, version, source package, its version. */
export type Manifest = string

/** The container's root file system in `root`, and what is in it. @throws ForgeError E_NOT_ROOT, E_COMMAND */
export async function makeContainerRoot(root: string, locked: ContainerLocked, given: readonly GivenPackage[], assets: string, deps: RootDeps): Promise<Manifest> {
  requireRoot('make a container\'s root file system')
  const names = given.map(({ name }) => name)
  const fromArchive = locked.packages.filter(({ name }) => !names.includes(name))
  const pool = await localPool(fromArchive, join(deps.workDir, 'pool'), deps, given.map(({ path }) => path))
  const { argv, env } = mmdebstrapOptions(locked.sourceDateEpoch)
  await deps.exec(['mmdebstrap', ...argv, ...dpkgOptions.map((option) => `--dpkgopt=${option}`),
    // With the folders of a merged /usr from the start there is nothing that would have to be converted, by Perl.
    `--setup-hook=${mergedUsr}`, `--include=${[...fromArchive.map(({ name }) => name), ...names].join(',')}`, locked.suite, root, `deb [trusted=yes] copy:${pool} ./`,
  ] as unknown as Argv, { env, contained: true, doing: 'install the container\'s packages', timeoutMs: 20 * 60_000 })
  const { stdout: manifest } = await deps.exec(['dpkg-query', `--admindir=${join(root, 'var/lib/dpkg')}`, '--show', '--showformat=${Package} ${Version} ${source:Package} ${source:Version}\\n'], { doing: 'list the container\'s packages' })
  for (const path of traces) await rm(join(root, path), { recursive: true, force: true })
  for (const path of emptied) for (const name of await readdir(join(root, path))) await rm(join(root, path, name), { recursive: true })
  // Its only process is root with what the runtime leaves it; whoever enters it as somebody else is to stay that.
  await deps.exec(['find', root, '-perm', '/6000', '-exec', 'chmod', 'a-s', '--', '{}', '+'], { doing: 'take setuid and setgid away' })
  await layOut(assets, root)
  await expectWhole(root)
  return manifest
}

/** Files of this project, with the modes that they have in a container, whoever checked them out under whatever umask. */
async function layOut(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) {
      if (await mkdir(target, { recursive: true }) !== undefined) await chmod(target, 0o755)
      await layOut(source, target)
    } else {
      await copyFile(source, target)
      await chown(target, 0, 0)
      // All of them are programs.
      await chmod(target, 0o755)
    }
  }
}

async function expectWhole(root: string): Promise<void> {
  for (const path of ['usr/sbin/tayga', 'usr/sbin/nat64ctl', 'usr/sbin/nft', 'usr/bin/python3', 'usr/local/lib/nat64-container/first', 'usr/local/lib/nat64-container/nat64_container.py']) {
    await readFile(join(root, path)).catch((cause: unknown) => { throw new ForgeError('E_BUG', `the container's root has no ${path} although all packages were installed`, { cause }) })
  }
}
