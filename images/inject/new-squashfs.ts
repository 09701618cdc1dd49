import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openByteSource, type ByteSource } from '../../scripts/formats/byte-source.ts'
import { graft } from '../../scripts/formats/squashfs/graft.ts'
import { isOverlayNote } from '../../scripts/formats/squashfs/merged-tree.ts'
import { openSquashfs, type Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { flagsOf } from '../../scripts/formats/squashfs/superblock.ts'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { asRoot, type UserNamespace } from '../../scripts/lib/user-namespace.ts'
import { differenceOf, removeUnchanged, type Difference } from './difference.ts'
import type { NewFile } from './new-file.ts'
import { needsNumbers } from './unpacked-root.ts'

interface PackDeps { exec: Exec; workDir: string }

interface PackedBy {
  /** Undefined: by root. */
  namespace?: UserNamespace | undefined
  /** It is to be stacked on the image by whoever boots it, not joined with it here. */
  asLayer?: boolean
}

/** What mksquashfs is told for a tree to be packed like an image was. */
export function compressionOptions({ superblock, compressorOptions }: Squashfs): string[] {
  return ['-comp', superblock.compressor, ...compressorOptions.split(' ').filter((word) => word !== ''), '-b', String(superblock.blockSizeBytes)]
}

const optionOfFlag: Readonly<Record<string, string>> = {
  'no-inode-compression': '-noI', 'no-data-compression': '-noD', 'no-fragment-compression': '-noF', 'no-xattr-compression': '-noX', 'no-id-compression': '-noId',
  'no-fragments': '-no-fragments', 'always-use-fragments': '-always-use-fragments',
}

/** Else it takes as much as it finds, for blocks that wait. */
const packingMemory = ['-mem', '128M'] as const

/** All of the above and the flags that say how an image was made. Extended attributes are kept also where the image has none yet. */
export function packOptions(squashfs: Squashfs): string[] {
  const flags = flagsOf(squashfs.superblock)
  return [
    ...compressionOptions(squashfs), ...packingMemory, ...flags.flatMap((flag) => optionOfFlag[flag] ?? []),
    ...(flags.includes('duplicates-removed') ? [] : ['-no-duplicates']), ...(flags.includes('exportable') ? [] : ['-no-exports']),
  ]
}

/**
 * Packs what is in the overlay's upper folder, less what is as it was: that is removed from the folder. Times later than the image are
 * the image's.
 * @throws ForgeError E_INJECT for what only root could have done rightly, where an ordinary user did it in a namespace
 */
export async function packDifference(old: Squashfs, { exec, workDir }: PackDeps, { namespace, asLayer = false }: PackedBy = {}): Promise<{ file: string; difference: Difference }> {
  const upper = join(workDir, 'upper')
  const file = join(workDir, 'difference.squashfs')
  const epoch = String(old.superblock.createdAt)
  const as = { errorCode: 'E_INJECT', userNamespace: namespace } as const
  const pack = async (...more: string[]): Promise<Difference> => {
    await exec(['find', upper, '-newermt', `@${epoch}`, '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+'], { ...as, doing: 'set the times of what changed' })
    await exec(['mksquashfs', upper, file, ...compressionOptions(old), ...packingMemory, '-noappend', '-no-progress', '-quiet', '-no-exports', ...more] as unknown as Argv, {
      ...as, doing: 'pack what changed', env: { SOURCE_DATE_EPOCH: epoch }, timeoutMs: 30 * 60_000,
    })
    await using source = await openByteSource(file)
    return await differenceOf(old, await openSquashfs(source, { exec, workDir }), namespace?.owners ?? 'root')
  }
  // Only to see what differs.
  const difference = await pack('-noI', '-noD', '-noF', '-noX', '-noId')
  const [first] = difference.onlyRoot
  if (first !== undefined) throw new ForgeError('E_INJECT', `only root can do this rightly: ${first}${difference.onlyRoot.length > 1 ? `, and ${String(difference.onlyRoot.length - 1)} more` : ''}`, { hint: namespace?.owners === 'own' ? needsNumbers : asRoot, details: difference.onlyRoot.join('\n') })
  const layered = async (packed: Difference, again: string[]): Promise<{ file: string; difference: Difference }> => {
    const notes = asLayer && namespace ? await overlayNotes(file, { exec, workDir }) : 'none'
    if (notes === 'needed') throw new ForgeError('E_INJECT', 'a folder of the image was replaced, or files with extended attributes came, which only root can put into a layer', { hint: `use --mode graft, or ${asRoot}` })
    return { file, difference: notes === 'none' ? packed : await pack(...again, '-no-xattrs') }
  }
  if (difference.unchanged.length > 0) await removeUnchanged(upper, difference, { exec, workDir, namespace })
  const owners = join(workDir, 'owners')
  const gone = new Set(difference.unchanged.map(({ path }) => path.toString('latin1')))
  await writeFile(owners, pseudoFile(difference.givenBack.filter(({ path }) => !gone.has(path))), 'latin1')
  const again = namespace?.owners === 'own' ? ['-pf', owners] : []
  return await layered(await pack(...again), again)
}

/** Owners as mksquashfs takes them, for what belongs to the wrong one on the disk. Pure. @throws ForgeError E_INJECT for a name that would end a line: the next one might be an order to mksquashfs */
export function pseudoFile(owners: Difference['givenBack']): string {
  const strange = owners.find(({ path }) => /[\n\r]/.test(path))
  if (strange) throw new ForgeError('E_INJECT', `the image has a folder with a line break in its name (${JSON.stringify(strange.path)})`, { hint: needsNumbers })
  return owners.map(({ path, mode, uid, gid }) => `${path.replace(/[\s"\\]/g, '\\$&')} m ${mode.toString(8)} ${String(uid)} ${String(gid)}\n`).join('')
}

/**
 * Whether a difference can be a layer of its own when an ordinary user made it: overlayfs keeps its notes for users under names that it does
 * not read for root. Then it has to be packed without them.
 */
async function overlayNotes(file: string, deps: PackDeps): Promise<'none' | 'to-leave-out' | 'needed'> {
  await using source = await openByteSource(file)
  const xattrs = await (await openSquashfs(source, deps)).xattrs()
  const all = Array.from({ length: xattrs.sets }, (_, id) => xattrs.set(id)).flat()
  const notes = all.filter(isOverlayNote)
  if (notes.length === 0) return 'none'
  return notes.length === all.length && notes.every(({ name }) => name !== 'overlay.opaque') ? 'to-leave-out' : 'needed'
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
