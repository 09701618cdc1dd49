import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buildRootTools, type RootDeps } from '../../scripts/lib/build-root.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { HostTool } from '../../scripts/lib/host-tools.ts'
import type { Log } from '../../scripts/lib/log.ts'
import { expectGiven, readGiven, type GivenFact } from './given.ts'
import { writeLayout } from './layout.ts'
import type { ContainerLocked } from './lock.ts'
import { makeContainerRoot } from './root.ts'

// A container with TAYGA and nat64ctl for VyOS's `container`, and for any podman: what runs in it first is root/usr/local/lib/nat64-container/nat64_container.py.

export const containerTools: readonly HostTool[] = [
  ...buildRootTools.filter(({ command }) => command !== 'bwrap'),
  { command: 'gzip', package: 'gzip', why: 'compresses a container\'s layer' },
]

export interface ContainerImage {
  /** A tar of an OCI image layout. */
  path: string
  sha256: string
  sizeBytes: number
  /** `nat64:VERSION`; podman puts `localhost/` before it. */
  reference: string
  /** Of the manifest: what a registry knows it by. */
  digest: string
  /** The packages of a build that it was made of: with the lock, all that decides its bytes. */
  given: GivenFact[]
  /** One line a package: name, version, source package, its version. */
  packages: string[]
  /** Given, but of no use in a container. */
  leftOut: string[]
}

export interface ContainerInput extends RootDeps {
  /** `.deb` files: nat64ctl, and where it is not to be the suite's, tayga. */
  packages: readonly string[]
  locked: ContainerLocked
  /** What has to be given, where that is fixed. */
  expected?: readonly GivenFact[] | undefined
  projectDir: string
  log: Log
}

/**
 * Writes the image below `workDir`, which must be empty and on a disk with room for it. The same packages and lock give the same bytes.
 * @throws ForgeError E_DEB and E_USAGE for wrong packages, E_NOT_ROOT, E_COMMAND; what the file system says of a full disk
 */
export async function writeContainerImage({ packages, locked, expected, projectDir, log, ...deps }: ContainerInput): Promise<ContainerImage> {
  const { exec, workDir } = deps
  log.step('read the packages')
  const { taken, leftOut } = await readGiven(packages, exec)
  const given = taken.map(({ name, version, sha256 }) => ({ name, version, sha256 }))
  if (expected) expectGiven(given, expected)
  if (![...taken, ...locked.packages].some(({ name }) => name === 'tayga')) throw new ForgeError('E_USAGE', 'tayga is neither among the packages nor in the lock', { hint: 'give tayga_*_amd64.deb too, or leave --locked out' })
  await mkdir(workDir, { recursive: true })
  const root = join(workDir, 'root')
  log.step(`make the container's root (Debian ${locked.suite}, ${String(locked.packages.length)} packages)`)
  const manifest = await makeContainerRoot(root, locked, taken, join(projectDir, 'packaging/oci/root'), deps)
  const version = taken.find(({ name }) => name === 'nat64ctl')?.version ?? ''
  const reference = `nat64:${version.replace(/[^A-Za-z0-9_.-]/g, '-')}`

  log.step(`write the layout of ${reference}`)
  const dir = join(workDir, 'layout')
  const digest = await writeLayout(dir, root, {
    reference, createdEpochSeconds: locked.sourceDateEpoch, entrypoint: ['/usr/local/lib/nat64-container/first'],
    environment: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8', 'PYTHONDONTWRITEBYTECODE=1'],
    labels: {
      'org.opencontainers.image.title': 'nat64',
      'org.opencontainers.image.description': 'NAT64 and NAT46 by TAYGA, from one configuration, in the network of the router that runs it',
      'org.opencontainers.image.version': version,
    },
  }, exec, workDir)
  const path = join(workDir, 'image.tar')
  await exec([
    'tar', '--create', `--file=${path}`, `--directory=${dir}`, '--format=gnu', '--sort=name', `--mtime=@${String(locked.sourceDateEpoch)}`,
    '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX', '--', 'blobs', 'index.json', 'oci-layout',
  ], { doing: 'pack the image' })
  return { path, sha256: await sha256File(path), sizeBytes: (await stat(path)).size, reference, digest, given, packages: manifest.trimEnd().split('\n'), leftOut }
}
