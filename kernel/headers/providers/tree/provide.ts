import { copyFile, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expectEqual } from '../../../../scripts/lib/errors.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import type { Provided } from '../../provider.ts'
import { buildFiles, digestOf, type BuildFile } from './build-files.ts'
import type { TreePlan } from './plan.ts'

/**
 * What modules need of the tree, copied: Kbuild writes beside what it reads, and the tree is somebody's.
 * @throws ForgeError E_LOCK_STALE when the tree is no longer what the lock says
 */
export async function provideTree(plan: TreePlan, deps: RunDeps<unknown>): Promise<Provided> {
  const tree = `linux-headers-${plan.release}`
  const to = join(deps.outDir, 'src', tree)
  deps.log.step(`copying the kernel tree ${plan.path}`)
  const files = await buildFiles(plan.path)
  await copyAll(files, to)
  const copied = files.map((file) => ({ ...file, from: to }))
  expectEqual(await digestOf(copied), plan.treeSha256, 'E_LOCK_STALE', `the digest of the kernel tree ${plan.path}`, 'the kernel was built anew since the lock was written: resolve anew with --update')
  return { tree }
}

async function copyAll(files: readonly BuildFile[], to: string): Promise<void> {
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) await mkdir(join(to, folder), { recursive: true })
  for (const { path, from, link } of files) {
    if (link === undefined) await copyFile(join(from, path), join(to, path))
    else await symlink(link, join(to, path))
  }
}
