import { inflateSync } from 'node:zlib'
import { ForgeError } from '../../lib/errors.ts'
import { unpackFrames, type FrameFormat, type UnpackDeps } from '../unpack-frames.ts'
import { damagedSquashfs } from './damage.ts'
import { unpackLz4Block } from './lz4-block.ts'
import { unpackLzo1xBlock } from './lzo1x-block.ts'
import type { SquashfsCompressor } from './superblock.ts'

/** A block as it lies in the image. */
export interface PackedBlock {
  /** Its first byte in the image, for errors. */
  position: number
  data: Buffer
  /** False: stored as it is. */
  packed: boolean
  /** What it may unpack to, at most. */
  maxBytes: number
}

/** Unpacks blocks, in their order. @throws ForgeError E_SQUASHFS */
export type Unpack = (blocks: readonly PackedBlock[]) => Promise<Buffer[]>

/** The unpacker for an image's compressor. The more blocks a call has, the cheaper each is. */
export function unpackerFor(compressor: SquashfsCompressor, name: string, deps: UnpackDeps): Unpack {
  const each = (unpackOne: (block: PackedBlock) => Buffer | undefined): Unpack => (blocks) => Promise.resolve(blocks.map((block) => {
    const bytes = block.packed ? unpackOne(block) : block.data
    if (bytes === undefined || bytes.length > block.maxBytes) throw damagedSquashfs(name, `a block of ${String(block.data.length)} bytes does not unpack with ${compressor}`, block.position)
    return bytes
  }))
  switch (compressor) {
    case 'gzip': return each(({ data, maxBytes }) => inflated(data, maxBytes))
    case 'lz4': return each(({ data, maxBytes }) => unpackLz4Block(data, maxBytes))
    case 'lzo': return each(({ data, maxBytes }) => unpackLzo1xBlock(data, maxBytes))
    case 'xz': case 'zstd': case 'lzma': return byProgram(compressor, name, deps)
    default: return compressor satisfies never
  }
}

/** squashfs's gzip is zlib's format, without gzip's header. */
function inflated(data: Buffer, maxBytes: number): Buffer | undefined {
  try {
    return inflateSync(data, { maxOutputLength: maxBytes })
  } catch {
    return undefined
  }
}

function byProgram(format: FrameFormat, name: string, deps: UnpackDeps): Unpack {
  return async (blocks) => {
    const packed = blocks.filter((block) => block.packed)
    const maxBytes = Math.max(0, ...packed.map((block) => block.maxBytes))
    const where = packed.length === 0 ? '' : ` (bytes ${String(packed[0]?.position)} to ${String((packed.at(-1)?.position ?? 0) + (packed.at(-1)?.data.length ?? 0))})`
    const unpacked = await unpackFrames({ format, frames: packed.map((block) => block.data), maxBytes, errorCode: 'E_SQUASHFS', what: `${name}${where}` }, deps)
    let next = 0
    return blocks.map((block) => {
      const bytes = block.packed ? unpacked[next++] : block.data
      if (bytes === undefined || bytes.length > block.maxBytes) throw new ForgeError('E_SQUASHFS', `${name}: a block is larger than it may be (byte ${String(block.position)})`, { hint: 'get the image again from a source you trust' })
      return bytes
    })
  }
}
