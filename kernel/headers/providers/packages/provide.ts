import { copyFile, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import { findBuildTree } from '../../build-tree.ts'
import { unpackHeaders, unpackImage, type LockedDeb } from '../../given-deb.ts'
import { checkAgainstImage } from '../../image-check.ts'
import type { KernelPackage, Provided } from '../../provider.ts'
import { gatherKbuild } from '../gather-kbuild.ts'
import type { PackagesPlan } from './plan.ts'

export async function providePackages(plan: PackagesPlan, deps: RunDeps<unknown>): Promise<Provided> {
  const provided = await provideHeaders(plan.headers, deps)
  if (plan.image === undefined) return provided
  const [path] = await deps.fetch([plan.image.file])
  if (path === undefined) throw new ForgeError('E_BUG', `no local copy of ${plan.image.file.fileName}`)
  const dir = join(deps.workDir, 'image')
  deps.log.step(`unpacking ${plan.image.file.fileName}`)
  await unpackImage(path, dir, deps)
  // Without it, a folder does not count as a root.
  await mkdir(join(dir, 'etc'), { recursive: true })
  const checked = await checkAgainstImage({ image: dir, shown: plan.image.file.fileName, tree: join(deps.outDir, 'src', provided.tree), release: plan.release }, deps)
  return { ...provided, ...checked, kernelPackages: [await keep(plan.image, path, deps)] }
}

/** Unpacks the packages of a build tree into `outDir/src`. */
export async function provideHeaders(headers: readonly LockedDeb[], deps: RunDeps<unknown>): Promise<Provided> {
  const unpacked = join(deps.workDir, 'headers')
  const paths = await deps.fetch(headers.map(({ file }) => file))
  for (const [index, path] of paths.entries()) {
    deps.log.step(`unpacking ${headers[index]?.file.fileName ?? ''}`)
    await unpackHeaders(path, unpacked, deps)
  }
  const src = join(deps.outDir, 'src')
  await rename(join(unpacked, 'usr/src'), src)
  await gatherKbuild(join(unpacked, 'usr/lib'), src)
  const { tree } = await findBuildTree(src, headers.map(({ file }) => file.fileName).join(', '))
  return { tree }
}

async function keep({ name, version, file }: LockedDeb, path: string, { outDir }: RunDeps<unknown>): Promise<KernelPackage> {
  await mkdir(join(outDir, 'kernel'), { recursive: true })
  await copyFile(path, join(outDir, 'kernel', file.fileName))
  return { name, version, file: `kernel/${file.fileName}` }
}
