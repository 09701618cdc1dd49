import type { GrowingBuffer } from './growing-buffer.ts'
import { metadataBlockBytes } from './metadata.ts'

/** Where an inode is, in the new table. */
interface Written {
  number: number
  /** In the unpacked table. */
  position: number
  /** The basic number of its kind. */
  type: number
}

export interface Child extends Written { name: string }

/** Where a listing is, as a folder's inode says it; with blocks by their number as long as nobody knows where those will lie. */
export interface NewListing {
  block: number
  offset: number
  listingBytes: number
  index: Buffer
  indexEntries: number
}

const maxHeaderEntries = 256

export function blockOf(position: number): number {
  return Math.floor(position / metadataBlockBytes)
}

/**
 * Writes a folder's listing, with an index for a long one: an entry wherever a header is the first in a metadata block.
 * @param placeOf where a block of the inode table lies
 */
export function writeListing(listings: GrowingBuffer, children: readonly Child[], placeOf: (block: number) => number): NewListing {
  const start = listings.length
  const index: Buffer[] = []
  let indexed = blockOf(start)
  for (let from = 0; from < children.length;) {
    const first = children[from]
    if (!first) break
    let to = from
    while (to < children.length && to - from < maxHeaderEntries && sharesHeader(first, children[to] ?? first)) to += 1
    const at = listings.append(header(first, to - from, placeOf))
    if (blockOf(at) > indexed) {
      indexed = blockOf(at)
      index.push(indexEntry(at - start, indexed, first.name))
    }
    for (const child of children.slice(from, to)) listings.append(entry(child, first.number))
    from = to
  }
  return { block: blockOf(start), offset: start % metadataBlockBytes, listingBytes: listings.length - start, index: Buffer.concat(index), indexEntries: index.length }
}

/** Where the entries of an index name a block. */
export function* blocksInIndex(index: Buffer): Generator<number> {
  for (let at = 0; at < index.length; at += 12 + index.readUInt32LE(at + 8) + 1) yield at + 4
}

/** Entries below one header have their inodes in one block, and numbers near the first one's. */
function sharesHeader(first: Written, other: Written): boolean {
  return blockOf(first.position) === blockOf(other.position) && Math.abs(other.number - first.number) <= 0x7fff
}

function header({ number, position }: Written, entries: number, placeOf: (block: number) => number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32LE(entries - 1, 0)
  bytes.writeUInt32LE(placeOf(blockOf(position)), 4)
  bytes.writeUInt32LE(number, 8)
  return bytes
}

function entry({ name, number, position, type }: Child, base: number): Buffer {
  const bytes = Buffer.alloc(8 + name.length)
  bytes.writeUInt16LE(position % metadataBlockBytes, 0)
  bytes.writeInt16LE(number - base, 2)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(name.length - 1, 6)
  bytes.write(name, 8, 'latin1')
  return bytes
}

function indexEntry(offset: number, block: number, name: string): Buffer {
  const bytes = Buffer.alloc(12 + name.length)
  bytes.writeUInt32LE(offset, 0)
  bytes.writeUInt32LE(block, 4)
  bytes.writeUInt32LE(name.length - 1, 8)
  bytes.write(name, 12, 'latin1')
  return bytes
}
