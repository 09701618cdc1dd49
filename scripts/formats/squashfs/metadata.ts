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
  if (end <= start || end - start > maxTableBytes) throw damagedSquashfs(source.name, `its ${what} would take ${String(end - start)} bytes`, start)
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
export function tableOf(name: string, what: string, positions: readonly number[], pieces: readonly Buffer[]): MetadataTable {
  const offsets = new Map<number, number>()
  let total = 0
  for (const [index, piece] of pieces.entries()) {
    offsets.set(positions[index] ?? -1, total)
    total += piece.length
  }
  return {
    data: Buffer.concat(pieces),
    at: (block, offset) => {
      const base = offsets.get(block)
      if (base === undefined || base + offset >= total) throw damagedSquashfs(name, `something points outside its ${what}, at block ${String(block)} offset ${String(offset)}`, block)
      return base + offset
    },
  }
}

/**
 * Reads a table that is found through an index: an array of positions, one a metadata block. `entries` of `entryBytes` each.
 * @throws ForgeError E_SQUASHFS
 */
export async function readIndexedTable(source: ByteSource, index: number, entries: number, entryBytes: number, unpack: Unpack, what: string): Promise<Buffer> {
  const total = entries * entryBytes
  const count = Math.ceil(total / metadataBlockBytes)
  if (total > maxTableBytes || index + count * 8 > source.sizeBytes) throw damagedSquashfs(source.name, `its ${what} would have ${String(entries)} entries`, index)
  const list = await source.read(index, count * 8)
  const blocks: PackedBlock[] = []
  for (let at = 0; at < count; at += 1) {
    const position = Number(list.readBigUInt64LE(at * 8))
    if (position + 2 > index) throw damagedSquashfs(source.name, `its ${what} points to ${String(position)}, which is not in front of it`, index + at * 8)
    const header = (await source.read(position, 2)).readUInt16LE(0)
    const size = header & 0x7fff
    if (size === 0 || size > metadataBlockBytes || position + 2 + size > index) throw damagedSquashfs(source.name, `a block of its ${what} has an impossible size of ${String(size)} bytes`, position)
    blocks.push({ position: position + 2, data: await source.read(position + 2, size), packed: (header & 0x8000) === 0, maxBytes: metadataBlockBytes })
  }
  const data = Buffer.concat(await unpack(blocks))
  if (data.length < total) throw damagedSquashfs(source.name, `its ${what} has ${String(data.length)} of ${String(total)} bytes`, index)
  return data.subarray(0, total)
}

/** Where the table that starts at `index` has its first block; an index lies behind the blocks it points to. */
export async function firstBlockOf(source: ByteSource, index: number): Promise<number> {
  return Number((await source.read(index, 8)).readBigUInt64LE(0))
}
