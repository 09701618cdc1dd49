import { join } from 'node:path'
import { openByteSource, type ByteSource } from '../../scripts/formats/byte-source.ts'
import { graft } from '../../scripts/formats/squashfs/graft.ts'
import { openSquashfs, type Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { flagsOf } from '../../scripts/formats/squashfs/superblock.ts'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'
import { differenceOf, removeUnchanged, type Difference } from './difference.ts'
import type { NewFile } from './new-file.ts'

interface PackDeps { exec: Exec; workDir: string }

/** What mksquashfs is told for a tree to be packed like an image was. */
export function compressionOptions({ superblock, compressorOptions }: Squashfs): string[] {
  return ['-comp', superblock.compressor, ...compressorOptions.split(' ').filter((word) => word !== ''), '-b', String(superblock.blockSizeBytes)]
}

const optionOfFlag: Readonly<Record<string, string>> = {
  'no-inode-compression': '-noI', 'no-data-compression': '-noD', 'no-fragment-compression': '-noF', 'no-xattr-compression': '-noX', 'no-id-compression': '-noId',
  'no-fragments': '-no-fragments', 'always-use-fragments': '-always-use-fragments',
}

/** All of the above and the flags that say how an image was made. Extended attributes are kept also where the image has none yet. */
export function packOptions(squashfs: Squashfs): string[] {
  const flags = flagsOf(squashfs.superblock)
  return [
    ...compressionOptions(squashfs), ...flags.flatMap((flag) => optionOfFlag[flag] ?? []),
    ...(flags.includes('duplicates-removed') ? [] : ['-no-duplicates']), ...(flags.includes('exportable') ? [] : ['-no-exports']),
  ]
}

/**
 * Packs what is in the overlay's upper folder, less what is as it was: that is removed from the folder. Times later than the image are
 * the image's.
 */
export async function packDifference(old: Squashfs, { exec, workDir }: PackDeps): Promise<{ file: string; difference: Difference }> {
  const upper = join(workDir, 'upper')
  const file = join(workDir, 'difference.squashfs')
  const epoch = String(old.superblock.createdAt)
  const pack = async (): Promise<Difference> => {
    await exec(['find', upper, '-newermt', `@${epoch}`, '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+'], { doing: 'set the times of what changed', errorCode: 'E_INJECT' })
    await exec(['mksquashfs', upper, file, ...compressionOptions(old), '-noappend', '-no-progress', '-quiet', '-no-exports'] as unknown as Argv, {
      doing: 'pack what changed', errorCode: 'E_INJECT', env: { SOURCE_DATE_EPOCH: epoch }, timeoutMs: 30 * 60_000,
    })
    await using source = await openByteSource(file)
    return await differenceOf(old, await openSquashfs(source, { exec, workDir }))
  }
  const difference = await pack()
  if (difference.unchanged.length === 0) return { file, difference }
  await removeUnchanged(upper, difference)
  return { file, difference: await pack() }
}

/** The image with the difference grafted on, to be written where it belongs. Dispose of it after that. */
export async function openGrafted(old: ByteSource, difference: string, deps: PackDeps): Promise<NewFile & AsyncDisposable> {
  const added = await openByteSource(difference)
  try {
    const { parts, sizeBytes } = await graft(old, added, deps)
    return { parts, sizeBytes, [Symbol.asyncDispose]: () => added[Symbol.asyncDispose]() }
  } catch (error) {
    await added[Symbol.asyncDispose]()
    throw error
  }
}
