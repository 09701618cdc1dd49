import type { ByteSource } from '../byte-source.ts'
import { damagedSquashfs } from './damage.ts'
import { superblockBytes, type Superblock } from './superblock.ts'

/** Where each table ends. */
export interface Layout {
  endOfDirectories: number
  /** Of a table that is found through an index: by where that index lies, the first byte that is not part of it. */
  ends: ReadonlyMap<number, number>
}

/**
 * Finds where the tables lie, and that no two of them share a byte: inodes, folders, then fragments, exports, owners and extended
 * attributes, each its blocks and then the list of where they are. Kernels want that order too.
 * @throws ForgeError E_SQUASHFS
 */
export async function readLayout(source: ByteSource, superblock: Superblock): Promise<Layout> {
  const { fragmentTable, exportTable, idTable, xattrTable, bytesUsed } = superblock
  const indexes = ([['fragment table', fragmentTable], ['export table', exportTable], ['table of owners', idTable], ['table of extended attributes', xattrTable]] as const)
    .flatMap(([what, index]) => index === undefined ? [] : [{ what, index }])
  const ends = new Map<number, number>()
  // The directory table of an empty tree has no bytes.
  let before = { what: 'directory table', index: undefined as number | undefined, from: superblock.directoryTable }
  let endOfDirectories = bytesUsed
  for (const { what, index } of indexes) {
    const first = await firstBlockOf(source, index)
    if (first < superblockBytes || first >= index) throw damagedSquashfs(source.name, `its ${what} starts at ${String(first)}, which is not in front of its index`, index)
    if (first < before.from) throw damagedSquashfs(source.name, `its ${what} starts inside its ${before.what} or in front of that`, first)
    if (before.index === undefined) endOfDirectories = first
    else ends.set(before.index, first)
    before = { what, index, from: index + 8 }
  }
  if (before.index !== undefined) ends.set(before.index, bytesUsed)
  return { endOfDirectories, ends }
}

/** Where the table that starts at `index` has its first block; an index lies behind the blocks it points to. */
async function firstBlockOf(source: ByteSource, index: number): Promise<number> {
  return Number((await source.read(index, 8)).readBigUInt64LE(0))
}
