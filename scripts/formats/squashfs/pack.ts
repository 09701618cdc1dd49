import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import type { Argv } from '../../lib/exec.ts'
import type { UnpackDeps } from '../unpack-frames.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { packLz4Block } from './lz4-block.ts'
import { packLzo1xBlock } from './lzo1x-block.ts'
import { metadataBlockBytes } from './metadata.ts'
import type { SquashfsCompressor } from './superblock.ts'

/** Metadata blocks as they go into an image, each behind two bytes with its size. */
export interface PackedBlocks {
  bytes: Buffer
  /** Of each block, from the first one's. */
  places: number[]
}

const storedFlag = 0x8000
const filesARun = 2000
/** Fewer are packed sooner than another process is started. */
const fewestBlocks = 32

/** Cuts into metadata blocks, and packs those that it makes smaller. */
export async function packBlocks(bytes: Buffer, compressor: SquashfsCompressor, deps: UnpackDeps): Promise<PackedBlocks> {
  const written = new BlockWriter()
  for await (const { block, packed } of packedBy(compressor, bytes, deps)) {
    if (packed.length < block.length) written.add(packed, 0)
    else written.add(block, storedFlag)
  }
  return written.blocks
}

class BlockWriter {
  readonly #bytes = new GrowingBuffer()
  readonly #places: number[] = []
  readonly #size = Buffer.alloc(2)

  get blocks(): PackedBlocks { return { bytes: this.#bytes.bytes, places: this.#places } }

  add(data: Buffer, flag: number): void {
    this.#size.writeUInt16LE(data.length | flag)
    this.#places.push(this.#bytes.append(this.#size))
    this.#bytes.append(data)
  }
}

interface PackedBlock { block: Buffer; packed: Buffer }

function* inBlocks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += metadataBlockBytes) yield bytes.subarray(at, at + metadataBlockBytes)
}

async function* packedBy(compressor: SquashfsCompressor, bytes: Buffer, deps: UnpackDeps): AsyncGenerator<PackedBlock> {
  switch (compressor) {
    case 'gzip':
      for (const block of inBlocks(bytes)) yield { block, packed: deflateSync(block, { level: 9 }) }
      return
    // Kernels check no other sums than CRC32, and set aside a dictionary for one block.
    case 'xz': yield* byProgram(bytes, ['xz', '--quiet', '--format=xz', '--check=crc32', `--lzma2=preset=6,dict=${String(metadataBlockBytes)}`], '.xz', deps); return
    case 'zstd': yield* byProgram(bytes, ['zstd', '--quiet', '--rm', '--no-check', '-15'], '.zst', deps); return
    case 'lzma':
      for await (const { block, packed } of byProgram(bytes, ['xz', '--quiet', '--format=lzma', `--lzma1=preset=6,dict=${String(metadataBlockBytes)}`], '.lzma', deps)) {
        // The program does not know the size when it writes the header.
        packed.writeBigUInt64LE(BigInt(block.length), 5)
        yield { block, packed }
      }
      return
    case 'lz4':
      for (const block of inBlocks(bytes)) yield { block, packed: packLz4Block(block) }
      return
    case 'lzo':
      for (const block of inBlocks(bytes)) yield { block, packed: packLzo1xBlock(block) }
      return
    default: compressor satisfies never
  }
}

async function* byProgram(bytes: Buffer, program: Argv, suffix: string, { exec, workDir }: UnpackDeps): AsyncGenerator<PackedBlock> {
  const dir = await mkdtemp(join(workDir, 'pack-'))
  try {
    const runBytes = filesARun * metadataBlockBytes
    for (let from = 0; from < bytes.length; from += runBytes) {
      const blocks = [...inBlocks(bytes.subarray(from, from + runBytes))]
      for (const [index, block] of blocks.entries()) await writeFile(join(dir, String(index)), block)
      const names = blocks.map((_, index) => String(index))
      const share = Math.max(fewestBlocks, Math.ceil(names.length / availableParallelism()))
      const shares = Array.from({ length: Math.ceil(names.length / share) }, (_, index) => names.slice(index * share, (index + 1) * share))
      // Not left before all have ended: they write in the folder.
      const ends = await Promise.allSettled(shares.map((some) => exec([...program, '--', ...some], { cwd: dir, doing: 'pack metadata of a squashfs' })))
      for (const end of ends) if (end.status === 'rejected') throw end.reason as Error
      for (const [index, block] of blocks.entries()) {
        const path = join(dir, `${String(index)}${suffix}`)
        yield { block, packed: await readFile(path) }
        await rm(path)
      }
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
