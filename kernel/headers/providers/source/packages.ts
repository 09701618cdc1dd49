import { createHash } from 'node:crypto'
import { access, appendFile, chmod, copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import { signModules } from '../../../signing/sign.ts'
import type { SigningKey } from '../../../signing/key.ts'
import type { ModuleSigner } from '../../../signing/verify.ts'
import type { KernelPackage } from '../../provider.ts'
import type { SourceKernelPlan } from './plan.ts'
import { tree, type Workshop } from './workshop.ts'

/** A package as a folder with DEBIAN and its files. */
export interface OpenedPackage {
  /** The folder as the build root sees it, and on the host. */
  inRoot: string
  dir: string
}

/** Opens a package in the build root. */
export async function openPackage(deb: string, workshop: Workshop): Promise<OpenedPackage> {
  const name = basename(deb, '.deb')
  const inRoot = `/build/kernel/${name}`
  await workshop.run(['dpkg-deb', '--raw-extract', deb, inRoot], { doing: `open ${name}` })
  return { inRoot, dir: join(workshop.dir, name) }
}

/**
 * Strips and signs every module in the opened linux-image package, and brings its list of digests up to date.
 * @throws ForgeError E_MODULE_SIGNATURE, E_COMPILE
 */
export async function signPackagedModules(image: OpenedPackage, plan: SourceKernelPlan, signing: { key: SigningKey; hash: string }, workshop: Workshop, deps: RunDeps<unknown>): Promise<ModuleSigner> {
  const entries = await readdir(join(image.dir, 'lib/modules', plan.release), { recursive: true, withFileTypes: true })
  const modules = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ko')).map((entry) => relative(image.dir, join(entry.parentPath, entry.name))).sort()
  const packed = entries.find((entry) => /\.ko\.(gz|xz|zst)$/.test(entry.name))
  if (packed) {
    throw new ForgeError('E_KCONFIG', `the kernel is configured to compress its modules (${packed.name}), and they are signed after that`, { hint: 'switch CONFIG_MODULE_COMPRESS off' })
  }
  if (modules.length === 0) throw new ForgeError('E_COMPILE', 'the kernel was built without a single module', { hint: 'configure something as a module: without one, nothing shows that signing works' })
  deps.log.step(`stripping and signing ${String(modules.length)} modules`)
  const list = join(workshop.dir, 'modules.list')
  await writeFile(list, modules.map((path) => `${path}\n`).join(''))
  await workshop.run(['xargs', '-a', '/build/kernel/modules.list', '-d', '\\n', 'strip', '--strip-debug', '--enable-deterministic-archives', '--'], { doing: 'strip the kernel\'s modules', cwd: image.inRoot })
  const signer = await signModules({
    root: workshop.root, buildTree: tree, binds: [{ from: workshop.dir, to: '/build/kernel' }], dir: image.dir, modules, ...signing, jobs: deps.jobs,
  }, deps)
  await refreshDigests(image.dir, new Set(modules))
  return signer
}

async function refreshDigests(dir: string, changed: ReadonlySet<string>): Promise<void> {
  const file = join(dir, 'DEBIAN/md5sums')
  const lines = await Promise.all((await readFile(file, 'utf8')).split('\n').map(async (line) => {
    const path = line.slice(34)
    return changed.has(path) ? `${await md5(join(dir, path))}  ${path}` : line
  }))
  await writeFile(file, lines.join('\n'))
}

/** Kernels from 6.12 on leave the configuration out of their headers package; what builds modules, or judges them, wants it there. */
export async function addConfiguration({ dir }: OpenedPackage, release: string, workshop: Workshop): Promise<void> {
  const path = join('usr/src', `linux-headers-${release}`, '.config')
  if (await access(join(dir, path)).then(() => true, () => false)) return
  await copyFile(join(workshop.dir, 'linux/.config'), join(dir, path))
  await chmod(join(dir, path), 0o644)
  await appendFile(join(dir, 'DEBIAN/md5sums'), `${await md5(join(dir, path))}  ${path}\n`)
}

/** The kernel's makefile writes the time of day into it; this one says what was built. */
async function writeChangelog({ inRoot, dir }: OpenedPackage, name: string, plan: SourceKernelPlan, workshop: Workshop): Promise<void> {
  const folder = join('usr/share/doc', name)
  const packed = (await readdir(join(dir, folder))).find((file) => /^changelog(\.Debian)?\.gz$/.test(file))
  if (packed === undefined) throw new ForgeError('E_COMPILE', `the package ${name} has no changelog`, { hint: 'read logs/headers.log' })
  const sources = plan.sources.from === 'debian' ? `${plan.sources.package.name} ${plan.sources.package.version}` : plan.sources.tarball.fileName
  const text = [
    `linux-upstream (${plan.kernelPackageVersion}) ${plan.buildRoot.suite}; urgency=low`, '',
    `  * Linux ${plan.release}, compiled from ${sources}.`,
    ...plan.patches.map((patch) => `  * With the patch ${basename(patch.path)}.`), '',
    ` -- nat64-forge <nat64-forge@localhost>  ${new Date(plan.buildRoot.sourceDateEpoch * 1000).toUTCString().replace('GMT', '+0000')}`, '',
  ].join('\n')
  await writeFile(join(dir, folder, packed.replace(/\.gz$/, '')), text)
  await workshop.run(['gzip', '-9nf', join(inRoot, folder, packed.replace(/\.gz$/, ''))], { doing: `write the changelog of ${name}` })
  await refreshDigests(dir, new Set([join(folder, packed)]))
}

async function md5(path: string): Promise<string> {
  return createHash('md5').update(await readFile(path)).digest('hex')
}

/** Packs an opened package, the same bytes for the same files: one thread, one date. xz's level 2 takes a quarter of the time of its default. */
export async function packPackage(opened: OpenedPackage, plan: SourceKernelPlan, workshop: Workshop, deps: RunDeps<unknown>): Promise<KernelPackage> {
  const fileName = `${basename(opened.inRoot)}.deb`
  const name = fileName.split('_')[0] ?? ''
  await writeChangelog(opened, name, plan, workshop)
  await workshop.run(['dpkg-deb', '--root-owner-group', '-Zxz', '-z2', '--threads-max=1', '--build', opened.inRoot, `/build/kernel/packed-${fileName}`], { doing: `pack ${fileName}` })
  await mkdir(join(deps.outDir, 'packages'), { recursive: true })
  const file = join('packages', fileName)
  await rename(join(workshop.dir, `packed-${fileName}`), join(deps.outDir, file))
  return { name, version: plan.kernelPackageVersion, file }
}
