import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import semver from 'semver'
import { z } from 'zod'
import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import { kernelSeries, type KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { runInRoot } from '../../scripts/lib/build-root.ts'
import { sha256Of } from '../../scripts/lib/digest.ts'
import { expectEqual, ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

const shown = 'kernel/patches'
/** Where the series lie: one folder a version of Jool and one for all, each with a file `series` in it. */
const shippedDir = fileURLToPath(new URL('../patches', import.meta.url))

/** A patch to Jool's sources. */
export const lockedJoolPatch = z.strictObject({
  /** Relative to the series' folder: `4.1.13/timers.patch`. */
  name: z.string().regex(/^(?:all|\d+\.\d+\.\d+)\/[A-Za-z0-9][A-Za-z0-9._-]*\.patch$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
export type JoolPatch = z.infer<typeof lockedJoolPatch>

export interface JoolSources {
  version: JoolVersion
  /** A release, not a checkout, which may have the errors mended and is compiled as it is. */
  released: boolean
}

/**
 * The patches that this Jool needs for this kernel, in order: of the folder `all`, where a line of the series is a file name and a range of Jool's
 * versions, then of the version's own, where it is a range of kernel series: `timers.patch 6.16 - 6.18`; `#` starts a comment.
 * @throws ForgeError E_PATCH when a line is wrong or a patch is missing
 */
export async function patchesFor(jool: JoolSources, release: KernelRelease, dir = shippedDir): Promise<JoolPatch[]> {
  const listed = async (folder: string, version: string | semver.SemVer): Promise<JoolPatch[]> => {
    const patches: JoolPatch[] = []
    for (const { file, range } of await readSeries(join(dir, folder, 'series'), `${shown}/${folder}/series`)) {
      if (semver.satisfies(version, range)) patches.push({ name: `${folder}/${file}`, sha256: sha256Of(await readPatch(dir, `${folder}/${file}`)) })
    }
    return patches
  }
  return [...jool.released ? await listed('all', jool.version) : [], ...await listed(jool.version, kernelSeries(release))]
}

/** Applies patches to a copy of Jool's sources, a folder with `src`, in order and without guessing. @throws ForgeError E_PATCH naming the one that does not apply */
export async function applyPatches(patches: readonly JoolPatch[], sources: string, { root, exec, workDir, dir = shippedDir }: { root: string; exec: Exec; workDir: string; dir?: string }): Promise<void> {
  if (patches.length === 0) return
  const taken = join(workDir, 'patches')
  await mkdir(taken, { recursive: true })
  for (const [index, { name, sha256 }] of patches.entries()) {
    const bytes = await readLockedPatch({ name, sha256 }, dir)
    const file = `${String(index + 1).padStart(2, '0')}-${basename(name)}`
    await writeFile(join(taken, file), bytes)
    await runInRoot(exec, ['patch', '--batch', '--forward', '--fuzz=0', '--no-backup-if-mismatch', '--reject-file=-', '--strip=1', '--directory=/build/jool', `--input=/build/patches/${file}`], {
      root, binds: [{ from: sources, to: '/build/jool', writable: true }, { from: taken, to: '/build/patches' }],
      doing: `apply the patch ${name} to Jool`, errorCode: 'E_PATCH', hint: `bring ${shown}/${name} up to date with Jool's sources, or take it out of the series`,
    })
  }
}

/** The bytes that were locked. @throws ForgeError E_LOCK_STALE, E_PATCH */
export async function readLockedPatch({ name, sha256 }: JoolPatch, dir = shippedDir): Promise<Buffer> {
  const bytes = await readPatch(dir, name)
  expectEqual(sha256Of(bytes), sha256, 'E_LOCK_STALE', `the digest of the patch ${name}`, 'the patch was edited since the lock was written: resolve anew with --update')
  return bytes
}

/** True when one is no longer what the lock says, or gone. */
export async function patchesChanged(patches: readonly JoolPatch[], dir = shippedDir): Promise<boolean> {
  for (const { name, sha256 } of patches) if (await readFile(join(dir, name)).then(sha256Of, () => undefined) !== sha256) return true
  return false
}

async function readSeries(path: string, name: string): Promise<{ file: string; range: string }[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
  return text.split('\n').flatMap((line, index) => {
    const words = line.replace(/#.*/, '').trim()
    if (words === '') return []
    const [, file, range] = /^([A-Za-z0-9][A-Za-z0-9._-]*\.patch)\s+(\S.*)$/.exec(words) ?? []
    if (file === undefined || range === undefined || semver.validRange(range) === null) {
      throw new ForgeError('E_PATCH', `${name}:${String(index + 1)} is not a patch and a range of versions: ${words}`, { hint: 'write for example: timers.patch 6.16 - 6.18' })
    }
    return [{ file, range }]
  })
}

async function readPatch(dir: string, name: string): Promise<Buffer> {
  return readFile(join(dir, name)).catch((cause: unknown) => {
    throw new ForgeError('E_PATCH', `${shown}/${name} is in its series, and cannot be read`, { hint: 'add the file, or take it out of the series', cause })
  })
}
