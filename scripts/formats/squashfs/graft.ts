import { bytesAsSource, partOf, type ByteSource } from '../byte-source.ts'
import { ForgeError } from '../../lib/errors.ts'
import type { UnpackDeps } from '../unpack-frames.ts'
import { MergedTree, type Layer } from './merged-tree.ts'
import { NewTables } from './new-tables.ts'
import { openSquashfs } from './squashfs.ts'
import { superblockBytes, writeSuperblock } from './superblock.ts'

/** A squashfs that is made of two, not yet written. */
export interface Graft {
  sizeBytes: number
  /** The new image's bytes, one piece after the other: most are pieces of the two images. */
  parts: readonly ByteSource[]
  inodes: number
}

/**
 * Puts a difference, as overlayfs has it in its upper folder, on top of an image. Data blocks are taken as they are, packed, from
 * both; only inodes, folders and the other tables are made anew. Two times the same images give the same bytes.
 * @param difference made by mksquashfs with the old image's compressor and block size
 * @throws ForgeError E_SQUASHFS, E_SQUASHFS_COMPRESSOR, E_IMAGE_TRUNCATED; E_OVERLAY for a difference that this kind of image cannot hold
 */
export async function graft(old: ByteSource, difference: ByteSource, deps: UnpackDeps): Promise<Graft> {
  const [lower, upper] = [await openLayer(old, deps), await openLayer(difference, deps)]
  expectSameFormat(lower, upper)
  // Data lie in front of the first table, in each of them.
  const [kept, added] = [lower.squashfs.superblock.inodeTable, upper.squashfs.superblock.inodeTable]
  const tables = new NewTables({ lower, upper, shift: kept - superblockBytes, deps })
  await tables.addLeaves(new MergedTree(lower, upper))
  await tables.addFolders(new MergedTree(lower, upper))
  const { superblock, parts } = await tables.written(kept + added - superblockBytes)
  // A copy: a source may give its own memory.
  const head = Buffer.from(await old.read(0, superblockBytes))
  writeSuperblock(head, superblock)
  const all = [
    bytesAsSource(head, old.name), partOf(old, superblockBytes, kept - superblockBytes, 'data'), partOf(difference, superblockBytes, added - superblockBytes, 'data'), ...parts,
  ]
  return { sizeBytes: all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), inodes: superblock.inodes, parts: all }
}

async function openLayer(source: ByteSource, deps: UnpackDeps): Promise<Layer> {
  const squashfs = await openSquashfs(source, deps)
  return { squashfs, xattrs: await squashfs.xattrs() }
}

/** @throws ForgeError E_OVERLAY */
function expectSameFormat({ squashfs: old }: Layer, { squashfs: fresh }: Layer): void {
  const refuse = (what: string, one: unknown, other: unknown): never => {
    throw new ForgeError('E_OVERLAY', `${fresh.name} has the ${what} ${String(other)}, and ${old.name} has ${String(one)}`, { hint: 'make the difference with the old image\'s own' })
  }
  const [one, other] = [old.superblock, fresh.superblock]
  if (one.compressor !== other.compressor) refuse('compressor', one.compressor, other.compressor)
  if (one.blockSizeBytes !== other.blockSizeBytes) refuse('block size', one.blockSizeBytes, other.blockSizeBytes)
  // What kernels set aside for unpacking goes by the old one's.
  if (dictionaryBytes(fresh) > dictionaryBytes(old)) refuse('dictionary size', dictionaryBytes(old), dictionaryBytes(fresh))
}

/** xz's, by default that of a block; the other compressors have none to choose. */
function dictionaryBytes({ compressorOptions, superblock }: Layer['squashfs']): number {
  return Number(/-Xdict-size (\d+)/.exec(compressorOptions)?.[1] ?? superblock.blockSizeBytes)
}
