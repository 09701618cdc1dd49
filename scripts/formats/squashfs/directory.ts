import { damagedSquashfs } from './damage.ts'
import type { DirectoryInode, InodeReference } from './inode.ts'
import { metadataBlockBytes, type MetadataTable } from './metadata.ts'

/** An entry of a folder: where its inode is, and what the folder says it is. */
export interface DirectoryEntry extends InodeReference {
  /** The basic number of its kind: 1 is a folder, 2 a file. An inode of another kind is damage. */
  type: number
}

/** Debian's largest folder, its documentation, has a few thousand. */
const maxEntries = 200_000

/** Names are bytes: `latin1` keeps each of them, as one character. */
export type NameEncoding = 'utf8' | 'latin1'

/**
 * A folder's entries by name: headers of up to 256 entries that share an inode block, each entry with its inode's offset there.
 * @throws ForgeError E_SQUASHFS
 */
export function readDirectory(table: MetadataTable, { block, offset, listingBytes }: DirectoryInode, name: string, encoding: NameEncoding = 'utf8'): Map<string, DirectoryEntry> {
  const entries = new Map<string, DirectoryEntry>()
  if (listingBytes === 0) return entries
  const start = table.at(block, offset)
  const end = start + listingBytes
  const { data } = table
  const damaged = (what: string, at: number): never => { throw damagedSquashfs(name, `a folder ${what} (directory table, unpacked)`, at) }
  if (end > data.length) damaged(`of ${String(listingBytes)} bytes reaches beyond the directory table`, start)
  for (let at = start; at < end;) {
    if (at + 12 > end) damaged('ends inside a header', at)
    const count = data.readUInt32LE(at) + 1
    const inodeBlock = data.readUInt32LE(at + 4)
    if (count > 256) damaged(`has a header with ${String(count)} entries, more than 256`, at)
    if (entries.size + count > maxEntries) damaged(`has more than ${String(maxEntries)} entries`, at)
    at += 12
    for (let index = 0; index < count; index += 1) {
      if (at + 8 > end) damaged('ends inside an entry', at)
      const inodeOffset = data.readUInt16LE(at)
      const length = data.readUInt16LE(at + 6) + 1
      if (length > 255 || at + 8 + length > end) damaged(`has a name of ${String(length)} bytes`, at)
      const entry = data.toString(encoding, at + 8, at + 8 + length)
      if (entry === '.' || entry === '..' || /[/\0]/.test(entry)) damaged('has an entry whose name is not one', at)
      // Bytes that are no UTF-8 all look alike.
      if (entries.has(entry) && !entry.includes('\ufffd')) damaged(`has two entries named ${JSON.stringify(entry)}`, at)
      if (inodeOffset >= metadataBlockBytes) damaged('points outside an inode block', at)
      entries.set(entry, { block: inodeBlock, offset: inodeOffset, type: data.readUInt16LE(at + 4) })
      at += 8 + length
    }
  }
  return entries
}
