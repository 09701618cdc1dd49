import { describe, expect, test } from 'vitest'
import { bytesAsSource } from '../../../../scripts/formats/byte-source.ts'
import { readDirectory } from '../../../../scripts/formats/squashfs/directory.ts'
import type { DirectoryInode } from '../../../../scripts/formats/squashfs/inode.ts'
import { packLz4Block, unpackLz4Block } from '../../../../scripts/formats/squashfs/lz4-block.ts'
import { packLzo1xBlock, unpackLzo1xBlock } from '../../../../scripts/formats/squashfs/lzo1x-block.ts'
import { openSquashfs, type Squashfs } from '../../../../scripts/formats/squashfs/squashfs.ts'
import { walk } from '../../../../scripts/formats/squashfs/tree.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { UnpackDeps } from '../../../../scripts/formats/unpack-frames.ts'
import { randomNumbers } from '../../../support/random-tree.ts'
import { rejection } from '../../../support/rejection.ts'
import { squashfsImage, type SquashfsParts } from '../../../support/squashfs-image.ts'

// Nothing in these images is packed, so no program runs.
const deps: UnpackDeps = { exec: () => Promise.reject(new Error('a program was called')), workDir: '/nonexistent' }
const opened = (bytes: Buffer): Promise<Squashfs> => openSquashfs(bytesAsSource(bytes, 'x.squashfs'), deps)

/** Every file's content, by name. */
async function contents(squashfs: Squashfs): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const [name, reference] of squashfs.entries(squashfs.root)) {
    const inode = squashfs.inode(reference)
    if (inode.kind === 'file' && inode.sizeBytes < 1 << 20) found[name] = (await squashfs.read([inode]))[0]?.toString() ?? ''
  }
  return found
}

test('a squashfs written by hand gives its files back', async () => {
  const long = 'x'.repeat(10_000)
  const squashfs = await opened(squashfsImage({ files: { empty: '', long, short: 'y\n' } }).bytes)
  expect(await contents(squashfs)).toEqual({ empty: '', long, short: 'y\n' })
  expect(squashfs.superblock).toMatchObject({ compressor: 'gzip', blockSizeBytes: 4096, inodes: 4, createdAt: 1_700_000_000 })
  expect(squashfs.owner(squashfs.root.uidIndex)).toBe(0)
  expect(squashfs.root).toMatchObject({ kind: 'directory', mode: 0o755, mtime: 1_700_000_000, number: 4, xattr: undefined })
})

test('a squashfs without files has an empty root', async () => {
  expect(await contents(await opened(squashfsImage({ files: { only: '' } }).bytes))).toEqual({ only: '' })
})

describe('a hostile or damaged squashfs', () => {
  const superblock = (at: number, value: bigint): SquashfsParts => ({ superblock: (bytes) => { bytes.writeBigUInt64LE(value, at) } })
  test.each<[string, SquashfsParts, string, string]>([
    ['of another version', { superblock: (bytes) => { bytes.writeUInt16LE(3, 28) } }, 'E_SQUASHFS', 'x.squashfs: it has format 3.0; only 4.0 is in use since Linux 2.6.29 (byte 28)'],
    ['with an unknown compressor', { superblock: (bytes) => { bytes.writeUInt16LE(9, 20) } }, 'E_SQUASHFS_COMPRESSOR', 'x.squashfs is compressed by method 9, which is not one of 1 gzip, 2 lzma, 3 lzo, 4 xz, 5 lz4, 6 zstd (byte 20)'],
    ['with blocks of a gigabyte', { superblock: (bytes) => { bytes.writeUInt32LE(1 << 30, 12); bytes.writeUInt16LE(30, 22) } }, 'E_SQUASHFS', 'x.squashfs: its block size of 1073741824 bytes is not a power of two from 4 KiB to 1 MiB (byte 12)'],
    ['whose block size and its logarithm differ', { superblock: (bytes) => { bytes.writeUInt16LE(13, 22) } }, 'E_SQUASHFS', 'x.squashfs: its block size of 4096 bytes is not a power of two from 4 KiB to 1 MiB (byte 12)'],
    ['that is cut off', superblock(40, 1_000_000n), 'E_IMAGE_TRUNCATED', 'x.squashfs is cut off: it has 265 of 1000000 bytes'],
    ['whose inodes lie outside', superblock(64, 1n << 60n), 'E_SQUASHFS', 'x.squashfs: its inode table lies outside of it, at 1152921504606847000 (byte 64)'],
    ['whose tables are in each other\'s place', superblock(72, 96n), 'E_SQUASHFS', 'x.squashfs: its directory table comes before its inode table (byte 72)'],
    ['whose root is a file', superblock(32, 0n), 'E_SQUASHFS', 'x.squashfs: its root is not a folder (byte 32)'],
    ['whose root is in no block', superblock(32, 5n << 16n), 'E_SQUASHFS', 'x.squashfs: something points outside its inode table, at block 5 offset 0 (byte 5)'],
    ['with sixty thousand owners', { superblock: (bytes) => { bytes.writeUInt16LE(60_000, 26) } }, 'E_SQUASHFS', 'x.squashfs: its table of owners would have 60000 entries (byte 257)'],
    ['with four billion fragments in the table of owners', { superblock: (bytes) => { bytes.writeUInt32LE(0xffffffff, 16); bytes.writeBigUInt64LE(bytes.readBigUInt64LE(48), 80) } }, 'E_SQUASHFS', 'x.squashfs: its table of owners starts inside its fragment table or in front of that (byte 251)'],
    ['whose table of owners is the directory table', { superblock: (bytes) => { bytes.writeBigUInt64LE(bytes.readBigUInt64LE(72), 48) } }, 'E_SQUASHFS', 'x.squashfs: its table of owners starts at 98338, which is not in front of its index (byte 215)'],
    ['without inodes', { superblock: (bytes) => { bytes.writeUInt32LE(0, 4) } }, 'E_SQUASHFS', 'x.squashfs: it claims 0 inodes (byte 4)'],
    ['with four billion inodes', { superblock: (bytes) => { bytes.writeUInt32LE(0xffffffff, 4) } }, 'E_SQUASHFS', 'x.squashfs: it claims 4294967295 inodes (byte 4)'],
  ])('%s is refused', async (_what, parts, code, message) => {
    expect(await rejection(opened(squashfsImage(parts).bytes))).toMatchObject({ code, message })
  })

  test.each<[string, SquashfsParts, string]>([
    ['a file of an exabyte', { inodes: (bytes) => { bytes.writeUInt16LE(9, 0); bytes.writeBigUInt64LE(1n << 60n, 24) } }, 'x.squashfs: an inode of a file claims 1152921504606847000 bytes, and has no room for their blocks (inode table, unpacked) (byte 0)'],
    ['an inode of no kind', { inodes: (bytes) => { bytes.writeUInt16LE(99, 0) } }, 'x.squashfs: an inode has the unknown type 99 (inode table, unpacked) (byte 0)'],
    ['an inode of type 0', { inodes: (bytes) => { bytes.writeUInt16LE(0, 0) } }, 'x.squashfs: an inode has the unknown type 0 (inode table, unpacked) (byte 0)'],
    ['data at the end of the world', { inodes: (bytes) => { bytes.writeUInt32LE(0xfffffff0, 16) } }, 'x.squashfs: an inode of a file has its data outside of the image, at 4294967280 (inode table, unpacked) (byte 0)'],
    ['data in its tables', { inodes: (bytes) => { bytes.writeUInt32LE(107, 16) } }, 'x.squashfs: a data block of 6 bytes lies outside of its data (byte 107)'],
    ['a file with more holes than bytes', { inodes: (bytes) => { bytes.writeUInt16LE(9, 0); bytes.fill(0, 16, 56); bytes.writeUInt32LE(6, 24); bytes.writeUInt32LE(7, 32); bytes.fill(0xff, 44, 48) } }, 'x.squashfs: an inode of a file of 6 bytes claims 7 bytes of holes (inode table, unpacked) (byte 0)'],
    ['a file with holes without end', { inodes: (bytes) => { bytes.writeUInt16LE(9, 0); bytes.fill(0, 16, 56); bytes.writeUInt32LE(6, 24); bytes.fill(0xff, 32, 40); bytes.fill(0xff, 44, 48) } }, 'x.squashfs: an inode of a file of 6 bytes claims 18446744073709552000 bytes of holes (inode table, unpacked) (byte 0)'],
    ['a folder that calls a file a folder', { directory: (bytes) => { bytes.writeUInt16LE(1, 16) } }, 'x.squashfs: an inode is of type 2, and a folder says that it is of type 1 (inode table, unpacked) (byte 0)'],
    ['a folder with a name twice', { directory: (bytes) => { bytes.write('one', 31) } }, 'x.squashfs: a folder has two entries named "one" (directory table, unpacked) (byte 23)'],
    ['a data block that is too short', { inodes: (bytes) => { bytes.writeUInt32LE(((1 << 24) | 3) >>> 0, 32) } }, 'x.squashfs: a data block has 3 bytes instead of 6 (byte 96)'],
    ['an end in a fragment that is not there', { inodes: (bytes) => { bytes.writeUInt32LE(7, 20) } }, 'x.squashfs: an inode of a file ends in fragment 7 of 0 (inode table, unpacked) (byte 0)'],
    ['a folder with a billion entries', { directory: (bytes) => { bytes.writeUInt32LE(1_000_000_000, 0) } }, 'x.squashfs: a folder has a header with 1000000001 entries, more than 256 (directory table, unpacked) (byte 0)'],
    ['a folder with a name that leads out', { directory: (bytes) => { bytes.write('../', 20) } }, 'x.squashfs: a folder has an entry whose name is not one (directory table, unpacked) (byte 12)'],
    ['a folder with a name as long as the world', { directory: (bytes) => { bytes.writeUInt16LE(0xfffe, 18) } }, 'x.squashfs: a folder has a name of 65535 bytes (directory table, unpacked) (byte 12)'],
    ['an entry that points between blocks', { directory: (bytes) => { bytes.writeUInt32LE(17, 4) } }, 'x.squashfs: something points outside its inode table, at block 17 offset 0 (byte 17)'],
  ])('with %s is refused when that is read', async (_what, parts, message) => {
    const squashfs = await opened(squashfsImage(parts).bytes)
    expect(await rejection(contents(squashfs))).toMatchObject({ code: 'E_SQUASHFS', message })
  })

  test.each<[string, (bytes: Buffer) => void, string]>([
    ['in itself', (bytes) => { bytes.writeUInt16LE(72, 12); bytes.writeUInt16LE(1, 16) }, 'x.squashfs: a folder is in two places, or contains itself (inode table, unpacked) (byte 72)'],
    ['of another name for the root, behind a file', (bytes) => { bytes.writeUInt16LE(72, 23); bytes.writeUInt16LE(1, 27) }, 'x.squashfs: a folder is in two places, or contains itself (inode table, unpacked) (byte 72)'],
  ])('with a folder %s is refused by whoever goes through the tree', async (_what, directory, message) => {
    const squashfs = await opened(squashfsImage({ directory }).bytes)
    expect(await rejection(() => [...walk(squashfs)])).toMatchObject({ code: 'E_SQUASHFS', message })
  })

  test('with a folder of more entries than there is memory for is refused', async () => {
    // Headers of 256 entries each, with names of eight letters.
    const header = Buffer.from('ff0000000000000001000000', 'hex')
    const entry = Buffer.from('0000000002000700', 'hex')
    const headers = Array.from({ length: 800 }, (_unused, block) => Buffer.concat([header, ...Array.from({ length: 256 }, (_each, index) => Buffer.concat([entry, Buffer.from(String(block * 256 + index).padStart(8, '0'))]))]))
    const data = Buffer.concat(headers)
    const folder = { kind: 'directory', block: 0, offset: 0, listingBytes: data.length } as DirectoryInode
    expect(await rejection(() => readDirectory({ data, at: () => 0 }, folder, 'x.squashfs'))).toMatchObject({
      code: 'E_SQUASHFS', message: expect.stringMatching(/^x\.squashfs: a folder has more than 200000 entries/) as string,
    })
  })

  test('with a metadata block of impossible size is refused', async () => {
    const { bytes, inodeTable, directoryTable } = squashfsImage()
    const changed = Buffer.from(bytes)
    changed.writeUInt16LE(0x8000 | 8191, inodeTable)
    expect(await rejection(opened(changed))).toMatchObject({ code: 'E_SQUASHFS', message: `x.squashfs: a block of its inode table has an impossible size of 8191 bytes (byte ${String(inodeTable)})` })
    const other = Buffer.from(bytes)
    other.writeUInt16LE(0x8000, directoryTable)
    expect(await rejection(opened(other))).toMatchObject({ code: 'E_SQUASHFS', message: `x.squashfs: a block of its directory table has an impossible size of 0 bytes (byte ${String(directoryTable)})` })
  })

  test('never ends in another error, a hang or a large allocation, whatever byte is changed or missing', async () => {
    const good = squashfsImage().bytes
    let refused = 0
    for (let at = 0; at < good.length; at += 1) {
      for (const value of [0x00, 0x7f, 0xff]) {
        const bytes = Buffer.from(good)
        bytes[at] = value
        for (const image of [bytes, good.subarray(0, at)]) {
          try {
            await contents(await opened(image))
          } catch (error) {
            if (!(error instanceof ForgeError)) throw error
            refused += 1
            expect(['E_SQUASHFS', 'E_SQUASHFS_COMPRESSOR', 'E_IMAGE_TRUNCATED']).toContain(error.code)
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(good.length)
  })
})

describe('a raw LZ4 block', () => {
  test.each<[string, string, string]>([
    ['literals only', '50 68656c6c6f', 'hello'],
    ['a match that overlaps itself', '12 61 0100 50 6263646566', 'aaaaaaabcdef'],
    ['long literals', `f0 05 ${'61'.repeat(20)}`, 'a'.repeat(20)],
    ['a long match', '1f 61 0100 0a 10 62', `${'a'.repeat(1 + 15 + 10 + 4)}b`],
  ])('with %s', (_what, hex, text) => {
    expect(unpackLz4Block(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 4096)?.toString()).toBe(text)
  })

  test.each<[string, string]>([
    ['nothing', ''], ['literals beyond the end', '50 6865'], ['a match before the start', '11 61 0200 10 62'], ['a distance of 0', '11 61 0000 10 62'], ['half a distance', '10 61 01'], ['a length without an end', 'ff ffff'],
  ])('with %s is refused', (_what, hex) => {
    expect(unpackLz4Block(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 4096)).toBeUndefined()
  })

  test('that is larger than it may be is refused', () => {
    expect(unpackLz4Block(Buffer.from('1fff0100ffffff00'.replace('ff', '61'), 'hex'), 64)).toBeUndefined()
    expect(unpackLz4Block(Buffer.from('5068656c6c6f', 'hex'), 4)).toBeUndefined()
  })
})

describe('a raw LZO1X stream', () => {
  test.each<[string, string, string]>([
    ['literals only', '16 68656c6c6f 110000', 'hello'],
    ['a short match', '15 61626364 4c00 110000', 'abcdabc'],
  ])('with %s', (_what, hex, text) => {
    expect(unpackLzo1xBlock(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 4096)?.toString()).toBe(text)
  })

  test.each<[string, string]>([
    ['nothing', ''], ['no end', '16 68656c6c6f'], ['literals beyond the end', '20 6865'], ['a match before the start', '15 61626364 60ff 110000'], ['bytes behind its end', '16 68656c6c6f 110000 00'], ['a length without an end', '00 0000'],
  ])('with %s is refused', (_what, hex) => {
    expect(unpackLzo1xBlock(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 4096)).toBeUndefined()
  })

  test('that is larger than it may be is refused', () => {
    expect(unpackLzo1xBlock(Buffer.from('1668656c6c6f110000', 'hex'), 4)).toBeUndefined()
  })
})

describe.each([['LZ4', packLz4Block, unpackLz4Block], ['LZO1X', packLzo1xBlock, unpackLzo1xBlock]] as const)('what is packed as %s', (_name, pack, unpack) => {
  test('is unpacked to the same, whatever literals and matches are in it, and is smaller where bytes repeat', () => {
    const { below, of } = randomNumbers(1)
    for (let round = 0; round < 400; round += 1) {
      const pieces: Buffer[] = []
      for (let bytes = below(8192); bytes > 0;) {
        // Noise, repetitions of one byte, and of what came before, in lengths around those where the formats change.
        const piece = Buffer.alloc(Math.min(bytes, of([1, 2, 3, 4, 5, 14, 15, 16, 18, 19, 33, 34, 35, 237, 238, 239, 255, 270, 271, 272, 273, 274, 288, 289, 528, 529, below(2000)])))
        const kind = below(3)
        if (kind === 0) for (let at = 0; at < piece.length; at += 1) piece[at] = below(256)
        if (kind === 1) piece.fill(below(4))
        if (kind === 2) Buffer.concat(pieces).copy(piece)
        pieces.push(piece)
        bytes -= piece.length
      }
      const block = Buffer.concat(pieces)
      if (block.length === 0) continue
      expect(unpack(pack(block), 8192)?.equals(block), `round ${String(round)}`).toBe(true)
    }
    expect(pack(Buffer.from('etc/deep/folder/'.repeat(500))).length).toBeLessThan(100)
  })
})
