import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import type { Argv } from '../../lib/exec.ts'
import type { UnpackDeps } from '../unpack-frames.ts'
import { metadataBlockBytes } from './metadata.ts'
import type { SquashfsCompressor } from './superblock.ts'

const filesARun = 2000

/**
 * Metadata blocks as they go into an image: packed where that makes them smaller and is cheap, with their two bytes of size in front. Blocks of lz4, lzo and
 * lzma are stored as they are: no program makes them as squashfs has them.
 */
export async function packBlocks(blocks: readonly Buffer[], compressor: SquashfsCompressor, deps: UnpackDeps): Promise<Buffer[]> {
  const packed = await packedBy(compressor, blocks, deps)
  return blocks.map((block, index) => {
    const smaller = packed[index]
    return smaller && smaller.length < block.length ? framed(smaller, 0) : framed(block, 0x8000)
  })
}

/** Stored as they are: then the place of each block is known before all of them are there. */
export function storeBlocks(blocks: readonly Buffer[]): Buffer[] {
  return blocks.map((block) => framed(block, 0x8000))
}

export function inBlocks(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / metadataBlockBytes) }, (_, index) => bytes.subarray(index * metadataBlockBytes, (index + 1) * metadataBlockBytes))
}

function framed(data: Buffer, flag: number): Buffer {
  const size = Buffer.alloc(2)
  size.writeUInt16LE(data.length | flag)
  return Buffer.concat([size, data])
}

async function packedBy(compressor: SquashfsCompressor, blocks: readonly Buffer[], deps: UnpackDeps): Promise<Buffer[]> {
  switch (compressor) {
    case 'gzip': return blocks.map((block) => deflateSync(block, { level: 9 }))
    // Kernels check no other sums than CRC32, and set aside a dictionary for one block.
    case 'xz': return await byProgram(blocks, ['xz', '--quiet', '--format=xz', '--check=crc32', `--lzma2=preset=6,dict=${String(metadataBlockBytes)}`], '.xz', deps)
    case 'zstd': return await byProgram(blocks, ['zstd', '--quiet', '--rm', '--no-check', '-15'], '.zst', deps)
    case 'lz4': case 'lzo': case 'lzma': return []
    default: return compressor satisfies never
  }
}

async function byProgram(blocks: readonly Buffer[], program: Argv, suffix: string, { exec, workDir }: UnpackDeps): Promise<Buffer[]> {
  const dir = await mkdtemp(join(workDir, 'pack-'))
  try {
    const packed: Buffer[] = []
    for (let from = 0; from < blocks.length; from += filesARun) {
      const names: string[] = []
      for (const [index, block] of blocks.slice(from, from + filesARun).entries()) {
        const name = String(index)
        await writeFile(join(dir, name), block)
        names.push(name)
      }
      await exec([...program, '--', ...names], { cwd: dir, doing: 'pack metadata of a squashfs' })
      for (const name of names) {
        packed.push(await readFile(join(dir, `${name}${suffix}`)))
        await rm(join(dir, `${name}${suffix}`))
      }
    }
    return packed
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
