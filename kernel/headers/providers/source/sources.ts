import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import { sourceLimits } from '../../../../scripts/lib/extract.ts'
import { extractDeb } from '../../../../scripts/lib/extract-deb.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import { readLocked } from './inputs.ts'
import type { SourceKernelPlan } from './plan.ts'
import { tree, type Workshop } from './workshop.ts'

/** The verified sources, unpacked in the build root: whatever an archive tries, it reaches the kernel's folder only. @throws ForgeError E_ARCHIVE, E_KERNEL */
export async function unpackSources({ sources, version }: SourceKernelPlan, workshop: Workshop, deps: RunDeps<unknown>): Promise<void> {
  const [file] = await deps.fetch([sources.from === 'debian' ? sources.package.file : sources.tarball])
  if (file === undefined) throw new ForgeError('E_BUG', 'no local copy of the kernel\'s sources')
  const unpacked = join(deps.workDir, 'linux-source')
  const name = sources.from === 'debian' ? `${sources.package.name}.tar.xz` : sources.tarball.fileName
  let archive = file
  if (sources.from === 'debian') {
    await extractDeb(file, unpacked, deps, { limits: sourceLimits, only: [`usr/src/${name}`] })
    archive = join(unpacked, 'usr/src', name)
  }
  deps.log.step(`unpacking the kernel's sources (${name})`)
  await workshop.run(['tar', '--extract', ...(name.endsWith('.xz') ? ['--use-compress-program=xz -T0'] : []), '--file', `/build/${basename(name)}`, '--strip-components=1', '--no-same-owner', '--same-permissions', '--directory', tree], {
    doing: 'unpack the kernel\'s sources', errorCode: 'E_ARCHIVE', hint: 'get the archive again from a source you trust', binds: [{ from: archive, to: `/build/${basename(name)}` }],
  })
  await rm(unpacked, { recursive: true, force: true })
  const { stdout } = await workshop.run(['make', '-s', 'kernelversion'], { doing: 'ask the sources for their version', errorCode: 'E_COMPILE' })
  if (stdout.trim() !== version) {
    throw new ForgeError('E_KERNEL', `the kernel's sources are of version ${stdout.trim()}, expected ${version}`, { hint: 'correct headers.kernel.version in the target' })
  }
}

/** In the order of the series, each as it is or not at all. @throws ForgeError E_PATCH naming the patch */
export async function applyPatches({ patches }: SourceKernelPlan, workshop: Workshop, deps: RunDeps<unknown>): Promise<void> {
  const dir = join(workshop.dir, 'patches')
  await mkdir(dir)
  for (const [index, patch] of patches.entries()) {
    const name = basename(patch.path)
    deps.log.step(`applying ${name}`)
    const copy = `${String(index)}-${name}`
    await writeFile(join(dir, copy), await readLocked(patch))
    try {
      // No fuzz: a context that moved on may mean that the patch no longer does what it did.
      await workshop.run(['patch', `-p${String(patch.strip)}`, '--forward', '--batch', '--fuzz=0', '--no-backup-if-mismatch', '--reject-file=-', '--input', `/build/kernel/patches/${copy}`], { doing: `apply ${name}`, errorCode: 'E_PATCH' })
    } catch (cause) {
      if (!(cause instanceof ForgeError) || cause.code !== 'E_PATCH') throw cause
      throw new ForgeError('E_PATCH', `the patch ${patch.path} does not apply (number ${String(index + 1)} of ${String(patches.length)})`, {
        hint: 'bring it up to date with these sources, or take it out of headers.patches', cause, ...(cause.details === undefined ? {} : { details: cause.details }),
      })
    }
  }
}
