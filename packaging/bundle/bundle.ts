import { chmod, copyFile, mkdir, open, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { Log } from '../../scripts/lib/log.ts'
import { vyosPackage } from '../debs/artifact.ts'

// One archive for a VyOS router's /config, the only folder that an upgrade of its image keeps: packages, and a program that installs them there
// without a network. What it does is in `install`.

/** The folder in the archive, and so in /config. */
const folder = 'nat64-forge'

export interface BundledPackage {
  name: string
  version: string
  architecture: string
  /** In the archive's folder. */
  file: string
  sha256: string
  /** The kernel that its modules are for. */
  kernel: string | null
}

export interface Bundle {
  path: string
  sha256: string
  sizeBytes: number
  /** Modules are for this one; null: there are none. */
  kernel: string | null
  packages: BundledPackage[]
  /** Given, but of no use on VyOS. */
  leftOut: string[]
}

export interface BundleInput {
  /** `.deb` files. */
  packages: readonly string[]
  /** Corresponding source and what else belongs to the packages by licence. */
  sources: readonly string[]
  projectDir: string
  exec: Exec
  log: Log
  /** Empty, on a disk with room for all of it. */
  workDir: string
}

/**
 * Makes it in the folder to work in. The same packages give the same bytes.
 * @throws ForgeError E_DEB for a damaged package, E_USAGE for packages that do not go together; what the file system says of a full disk
 */
export async function writeBundle({ packages, sources, projectDir, exec, log, workDir }: BundleInput): Promise<Bundle> {
  const dir = join(workDir, folder)
  await mkdir(join(dir, 'packages'), { recursive: true })
  const read: (BundledPackage & { path: string; epochSeconds: number })[] = []
  for (const path of packages) {
    log.step(`read ${basename(path)}`)
    read.push(await readPackage(path, exec))
  }
  const { taken, leftOut, kernel } = chosen(read)

  log.step('lay out the archive')
  for (const { path, file } of taken) await copyFile(path, join(dir, file))
  for (const path of sources) {
    await mkdir(join(dir, 'sources'), { recursive: true })
    await copyFile(path, join(dir, 'sources', basename(path)))
  }
  await copyFile(join(projectDir, 'packaging/bundle/install'), join(dir, 'install'))
  await chmod(join(dir, 'install'), 0o755)
  await writeFile(join(dir, 'kernel'), kernel === null ? '' : `${kernel}\n`)
  await writeFile(join(dir, 'packages.list'), taken.map(({ name, version, file }) => `${group(name)}\t${name}\t${version}\t${file}\n`).join(''))
  const sums = ['install', 'kernel', 'packages.list', ...taken.map(({ file }) => file), ...sources.map((path) => `sources/${basename(path)}`)].sort()
  await writeFile(join(dir, 'SHA256SUMS'), (await Promise.all(sums.map(async (path) => `${await sha256File(join(dir, path))}  ${path}\n`))).join(''))

  log.step('write the archive')
  const tarball = join(workDir, 'bundle.tar')
  await exec([
    'tar', '--create', `--file=${tarball}`, `--directory=${workDir}`, '--format=gnu', '--sort=name', `--mtime=@${String(Math.max(...taken.map(({ epochSeconds }) => epochSeconds)))}`,
    '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX', '--', folder,
  ], { doing: 'pack the archive' })
  return {
    path: tarball, sha256: await sha256File(tarball), sizeBytes: (await stat(tarball)).size, kernel,
    packages: taken.map(({ name, version, architecture, file, sha256, kernel: release }) => ({ name, version, architecture, file, sha256, kernel: release })), leftOut,
  }
}

/** What depends on the kernel, and what does not. */
function group(name: string): 'jool' | 'any' {
  return name === 'jool-tools' || name.startsWith('jool-modules-') ? 'jool' : 'any'
}

/** In the order in which dpkg gets them: the tools first, since they and not the modules stand for the package `jool` that VyOS has. */
function order(name: string): number {
  if (name === 'jool-tools') return 0
  if (name.startsWith('jool-modules-')) return 1
  return name === vyosPackage ? 3 : 2
}

function chosen<Package extends BundledPackage>(read: readonly Package[]): { taken: Package[]; leftOut: string[]; kernel: string | null } {
  // A metapackage follows a kernel of Debian's archive, which VyOS has not.
  const leftOut = read.filter(({ name, kernel }) => name.startsWith('jool-modules-') && kernel === null).map(({ name }) => name)
  const taken = read.filter(({ name }) => !leftOut.includes(name)).sort((a, b) => order(a.name) - order(b.name) || (a.name < b.name ? -1 : 1))
  for (const [at, { name }] of taken.entries()) {
    if (taken[at + 1]?.name === name) throw new ForgeError('E_USAGE', `${name} was given twice`, { hint: 'give every package once, in the version that the router is to have' })
  }
  const kernels = [...new Set(taken.flatMap(({ kernel }) => kernel ?? []))]
  if (kernels.length > 1) throw new ForgeError('E_USAGE', `the modules are for several kernels: ${kernels.join(', ')}`, { hint: 'make one archive a kernel' })
  const names = taken.map(({ name }) => name)
  for (const name of [vyosPackage, 'nat64ctl']) {
    if (!names.includes(name)) throw new ForgeError('E_USAGE', `${name} is not among the packages`, { hint: 'give all packages of a build: out/TARGET/packages/*.deb' })
  }
  if (names.includes('jool-tools') !== (kernels.length === 1)) {
    throw new ForgeError('E_USAGE', `there are Jool's ${kernels.length === 1 ? 'modules, but not its tools' : 'tools, but no modules'}`, { hint: 'give both, of one build, or neither: then translators are TAYGA\'s' })
  }
  if (kernels.length === 0 && !names.includes('tayga')) throw new ForgeError('E_USAGE', 'nothing among the packages translates: neither Jool nor TAYGA', { hint: 'give Jool\'s modules and tools, or tayga, or both' })
  return { taken, leftOut, kernel: kernels[0] ?? null }
}

async function readPackage(path: string, exec: Exec): Promise<BundledPackage & { path: string; epochSeconds: number }> {
  const found = await stat(path).catch((cause: unknown) => { throw new ForgeError('E_DEB', `${path} cannot be read`, { hint: 'check the path', cause }) })
  if (!found.isFile()) throw new ForgeError('E_DEB', `${path} is not a file`, { hint: 'check the path' })
  const options = { doing: `read ${path}`, errorCode: 'E_DEB', hint: 'it is cut off, changed or no package: get it again' } as const
  const { stdout } = await exec(['dpkg-deb', '--show', '--showformat=${Package}\\t${Version}\\t${Architecture}', path], options)
  const [name = '', version = '', architecture = ''] = stdout.split('\t')
  // Reads all of it, so a package that is cut off ends here and not on the router.
  const { stdout: contents } = await exec(['dpkg-deb', '--contents', path], options)
  if (!['all', 'amd64'].includes(architecture)) throw new ForgeError('E_DEB_ARCHITECTURE', `${name} ${version} is for ${architecture}, and VyOS here is for amd64`, { hint: 'give the package that was built for amd64' })
  return {
    name, version, architecture, path, sha256: await sha256File(path), file: `packages/${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`,
    kernel: /^\S+ .*? \.\/(?:usr\/)?lib\/modules\/([^/\n]+)\/\S+\.ko$/m.exec(contents)?.[1] ?? null, epochSeconds: await packedAt(path),
  }
}

/** When a package was made, as its archive says: ar(5)'s first member, sixteen bytes of name before it. */
async function packedAt(path: string): Promise<number> {
  await using file = await open(path)
  const { buffer } = await file.read(Buffer.alloc(12), 0, 12, 8 + 16)
  return Number.parseInt(buffer.toString('latin1'), 10)
}
