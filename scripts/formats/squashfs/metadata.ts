import type { ByteSource } from '../byte-source.ts'
import { damagedSquashfs } from './damage.ts'
import type { PackedBlock, Unpack } from './unpack.ts'

export const metadataBlockBytes = 8192
/** 64 MiB of inodes are about a million files; a router has fifty thousand. */
const maxTableBytes = 64 * 1048576

/** A table of metadata blocks, unpacked into one piece. */
export interface MetadataTable {
  data: Buffer
  /** Where in `data` a reference points to: the block's position in the table, and an offset in the block. */
  at: (block: number, offset: number) => number
}

/** Metadata blocks as they lie in the image, from `start` up to `end` or until `maxBlocks` are there. */
export interface PackedTable {
  /** Of each block, from the table's start. */
  positions: number[]
  blocks: PackedBlock[]
  /** The first byte behind them. */
  end: number
}

/**
 * Finds the metadata blocks from `start` on. The blocks must fill the space up to `end` exactly.
 * @throws ForgeError E_SQUASHFS
 */
export async function findBlocks(source: ByteSource, start: number, end: number, what: string): Promise<PackedTable> {
  if (end < start || end - start > maxTableBytes) throw damagedSquashfs(source.name, `its ${what} would take ${String(end - start)} bytes`, start)
  const bytes = await source.read(start, end - start)
  const positions: number[] = []
  const blocks: PackedBlock[] = []
  for (let at = 0; at < bytes.length;) {
    if (at + 2 > bytes.length) throw damagedSquashfs(source.name, `its ${what} ends inside a block`, start + at)
    const header = bytes.readUInt16LE(at)
    // Bit 15: stored as it is. Sizes are those of the packed bytes.
    const size = header & 0x7fff
    if (size === 0 || size > metadataBlockBytes || at + 2 + size > bytes.length) throw damagedSquashfs(source.name, `a block of its ${what} has an impossible size of ${String(size)} bytes`, start + at)
    positions.push(at)
    blocks.push({ position: start + at + 2, data: bytes.subarray(at + 2, at + 2 + size), packed: (header & 0x8000) === 0, maxBytes: metadataBlockBytes })
    if (blocks.length * metadataBlockBytes > maxTableBytes) throw damagedSquashfs(source.name, `its ${what} is larger than ${String(maxTableBytes / 1048576)} MiB`, start + at)
    at += 2 + size
  }
  return { positions, blocks, end }
}

/** @throws ForgeError E_SQUASHFS */
export function tableOf(name: string, what: string, { positions, blocks }: PackedTable, pieces: readonly Buffer[]): MetadataTable {
  const data = joined(name, what, blocks, pieces)
  const indexes = new Map(positions.map((position, index) => [position, index]))
  return {
    data,
    at: (block, offset) => {
      const at = (indexes.get(block) ?? Infinity) * metadataBlockBytes + offset
      if (offset >= metadataBlockBytes || at >= data.length) throw damagedSquashfs(name, `something points outside its ${what}, at block ${String(block)} offset ${String(offset)}`, block)
      return at
    },
  }
}

/** All blocks but the last are full, so that an offset in one cannot mean a place in the next. */
function joined(name: string, what: string, blocks: readonly PackedBlock[], pieces: readonly Buffer[]): Buffer {
  const short = pieces.findIndex((piece, index) => piece.length !== metadataBlockBytes && (index < pieces.length - 1 || piece.length === 0))
  if (short >= 0) throw damagedSquashfs(name, `a block of its ${what} unpacks to ${String(pieces[short]?.length)} bytes`, blocks[short]?.position ?? 0)
  // Programs give all pieces in one: no need of a second copy of a large table.
  const [first] = pieces
  let end = first?.byteOffset ?? 0
  const adjacent = first !== undefined && pieces.every((piece) => {
    end += piece.length
    return piece.buffer === first.buffer && piece.byteOffset === end - piece.length
  })
  if (adjacent) return Buffer.from(first.buffer, first.byteOffset, end - first.byteOffset)
  return Buffer.concat(pieces)
}

/** A table that is found through an index: an array of positions, one a metadata block. */
export interface IndexedTable {
  /** For errors. */
  what: string
  /** Where the array lies, and the first byte that cannot be part of it. */
  index: number
  end: number
  /** The first byte behind the last block, where that is not the array. */
  endOfBlocks?: number
  entries: number
  entryBytes: number
}

/** @throws ForgeError E_SQUASHFS */
export async function readIndexedTable(source: ByteSource, { what, index, end, endOfBlocks = index, entries, entryBytes }: IndexedTable, unpack: Unpack): Promise<Buffer> {
  const total = entries * entryBytes
  const count = Math.ceil(total / metadataBlockBytes)
  if (total > maxTableBytes || index + count * 8 > end) throw damagedSquashfs(source.name, `its ${what} would have ${String(entries)} entries`, index)
  if (count === 0) return Buffer.alloc(0)
  const list = await source.read(index, count * 8)
  const positions = Array.from({ length: count }, (_, at) => Number(list.readBigUInt64LE(at * 8)))
  for (const [at, position] of positions.entries()) {
    // Each fills the space up to the next: none is there twice, and all of them are read at once.
    const room = (positions[at + 1] ?? endOfBlocks) - position
    if (room < 3 || room > metadataBlockBytes + 2) throw damagedSquashfs(source.name, `its ${what} points to a block of ${String(room)} bytes at ${String(position)}`, index + at * 8)
  }
  const found = await findBlocks(source, positions[0] ?? 0, endOfBlocks, what)
  if (found.blocks.length !== count) throw damagedSquashfs(source.name, `its ${what} has ${String(found.blocks.length)} blocks, and its index ${String(count)}`, index)
  const data = joined(source.name, what, found.blocks, await unpack(found.blocks))
  if (data.length < total) throw damagedSquashfs(source.name, `its ${what} has ${String(data.length)} of ${String(total)} bytes`, index)
  return data.subarray(0, total)
}
