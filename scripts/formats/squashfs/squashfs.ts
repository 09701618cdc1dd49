import type { ByteSource } from '../byte-source.ts'
import { ForgeError } from '../../lib/errors.ts'
import type { UnpackDeps } from '../unpack-frames.ts'
import { damagedSquashfs } from './damage.ts'
import { readDirectory, type DirectoryEntry, type NameEncoding } from './directory.ts'
import { readInode, type DirectoryInode, type FileInode, type Inode, type InodeReference } from './inode.ts'
import { readLayout } from './layout.ts'
import { findBlocks, readIndexedTable, tableOf } from './metadata.ts'
import { compressorOptions, readSuperblock, type Superblock } from './superblock.ts'
import { unpackerFor, type PackedBlock } from './unpack.ts'
import { readXattrs, type XattrTable } from './xattrs.ts'

/**
 * A squashfs, opened for reading. Inodes and folders are in memory after opening (a few megabytes for a router); file
 * contents are read when asked for. Nothing in the image is trusted.
 */
export interface Squashfs {
  /** For errors. */
  name: string
  superblock: Superblock
  /** As mksquashfs takes them. */
  compressorOptions: string
  root: DirectoryInode
  rootReference: InodeReference
  /** @throws ForgeError E_SQUASHFS */
  inode: (reference: InodeReference) => Inode
  /** A number that only this inode has: where it lies in the unpacked table. @throws ForgeError E_SQUASHFS */
  placeOf: (reference: InodeReference) => number
  /** A folder's entries by name. @throws ForgeError E_SQUASHFS */
  entries: (directory: DirectoryInode, encoding?: NameEncoding) => ReadonlyMap<string, DirectoryEntry>
  /** Bytes of all listings together: no folders can have more between them. */
  listingBytes: number
  /** User or group number of an index that an inode holds. @throws ForgeError E_SQUASHFS */
  owner: (index: number) => number
  /** Contents of files, in the order asked for; all their blocks in as few runs as memory allows. @throws ForgeError E_SQUASHFS; E_IMAGE for a file too large to be held */
  read: (files: readonly FileInode[]) => Promise<Buffer[]>
  /** Sixteen bytes each: where it starts, its size with a flag as data blocks have it, four unused. */
  fragments: Buffer
  /** @throws ForgeError E_SQUASHFS */
  xattrs: () => Promise<XattrTable>
  /** For file handles (NFS): of each inode number, from 1, where that inode is; empty when the image has no such table. @throws ForgeError E_SQUASHFS */
  exports: () => Promise<InodeReference[]>
  /** Checks that all of a file's blocks lie where data may. @throws ForgeError E_SQUASHFS */
  checkPlaces: (file: FileInode) => void
}

/** Sizes of data blocks and fragments have a flag: stored as it is. */
const unpackedBit = 1 << 24
const lengthOf = (size: number): number => (size & ~unpackedBit) >>> 0
/** What one run of the unpacker may give: enough to pay for the run, little enough for a small machine. */
const batchBytes = 8 * 1048576
/** Far above every file that is looked into. A few bytes of an image can claim any number of zeros. */
const maxFileBytes = 512 * 1048576

/** @throws ForgeError E_SQUASHFS, E_SQUASHFS_COMPRESSOR, E_IMAGE_TRUNCATED, or the unpacking program's own */
export async function openSquashfs(source: ByteSource, deps: UnpackDeps): Promise<Squashfs> {
  const superblock = await readSuperblock(source)
  const { name } = source
  const unpack = unpackerFor(superblock.compressor, name, deps)
  const layout = await readLayout(source, superblock)
  const inodeBlocks = await findBlocks(source, superblock.inodeTable, superblock.directoryTable, 'inode table')
  const directoryBlocks = await findBlocks(source, superblock.directoryTable, layout.endOfDirectories, 'directory table')
  // Both tables in one run of the unpacker.
  const pieces = await unpack([...inodeBlocks.blocks, ...directoryBlocks.blocks])
  const inodes = tableOf(name, 'inode table', inodeBlocks, pieces.slice(0, inodeBlocks.blocks.length))
  const directories = tableOf(name, 'directory table', directoryBlocks, pieces.slice(inodeBlocks.blocks.length))
  const indexed = (index: number, entries: number, entryBytes: number, what: string): Promise<Buffer> => readIndexedTable(source, { what, index, end: layout.ends.get(index) ?? superblock.bytesUsed, entries, entryBytes }, unpack)
  const ids = await indexed(superblock.idTable, superblock.ids, 4, 'table of owners')
  const fragments = superblock.fragmentTable === undefined ? Buffer.alloc(0) : await indexed(superblock.fragmentTable, superblock.fragments, 16, 'fragment table')

  // Those too that no file uses: whoever moves the data moves them all.
  for (let index = 0; index < superblock.fragments; index += 1) fragmentOf(index)

  const rootReference = referenceOf(superblock.rootInode)
  const root = readInode(inodes, rootReference, superblock, name)
  if (root.kind !== 'directory') throw damagedSquashfs(name, 'its root is not a folder', 32)
  return {
    name, superblock, root, rootReference,
    compressorOptions: await compressorOptions(source, superblock),
    inode: (reference) => readInode(inodes, reference, superblock, name),
    placeOf: ({ block, offset }) => inodes.at(block, offset),
    entries: (directory, encoding) => readDirectory(directories, directory, name, encoding),
    listingBytes: directories.data.length,
    fragments,
    xattrs: () => readXattrs(source, superblock, layout, unpack),
    exports: async () => {
      if (superblock.exportTable === undefined) return []
      const references = await indexed(superblock.exportTable, superblock.inodes, 8, 'export table')
      return Array.from({ length: superblock.inodes }, (_, index) => referenceOf(references.readBigUInt64LE(index * 8)))
    },
    checkPlaces: (file) => {
      for (const block of dataBlocks(file)) if (block.expectedBytes <= 0) throw damagedSquashfs(name, 'a file has more blocks than bytes', file.start)
    },
    owner: (index) => {
      if (index * 4 >= ids.length) throw damagedSquashfs(name, `an inode has owner ${String(index)} of ${String(superblock.ids)}`, superblock.idTable)
      return ids.readUInt32LE(index * 4)
    },
    read: async (files) => {
      for (const { sizeBytes } of files) if (sizeBytes > maxFileBytes) throw new ForgeError('E_IMAGE', `${name}: a file of ${String(sizeBytes)} bytes is more than is read into memory`, { hint: `no file that is looked into (kernels, initrds, modules, lists) is larger than ${String(maxFileBytes / 1048576)} MiB on a router: make it smaller` })
      const contents: Buffer[] = []
      for (const batch of batches(files, superblock.blockSizeBytes)) contents.push(...await readBatch(batch))
      return contents
    },
  }

  async function readBatch(files: readonly FileInode[]): Promise<Buffer[]> {
    const wanted = new Map<number, { at: number; size: number; maxBytes: number }>()
    for (const file of files) {
      for (const block of dataBlocks(file)) if (block.size > 0) wanted.set(block.at, block)
      if (file.fragment) wanted.set(fragmentOf(file.fragment.index).at, fragmentOf(file.fragment.index))
    }
    const order = [...wanted.values()].sort((one, other) => one.at - other.at)
    const packed: PackedBlock[] = []
    for (const { at, size, maxBytes } of order) packed.push({ position: at, data: await source.read(at, lengthOf(size)), packed: (size & unpackedBit) === 0, maxBytes })
    const unpacked = await unpack(packed)
    const byPosition = new Map(order.map(({ at }, index) => [at, unpacked[index] ?? Buffer.alloc(0)]))
    return files.map((file) => {
      const parts = [...dataBlocks(file)].map(({ at, size, expectedBytes }) => {
        const bytes = size === 0 ? Buffer.alloc(expectedBytes) : byPosition.get(at)
        if (bytes?.length !== expectedBytes) throw damagedSquashfs(name, `a data block has ${String(bytes?.length)} bytes instead of ${String(expectedBytes)}`, at)
        return bytes
      })
      if (file.fragment) {
        const { at } = fragmentOf(file.fragment.index)
        const tail = file.sizeBytes % superblock.blockSizeBytes
        const bytes = byPosition.get(at)?.subarray(file.fragment.offset, file.fragment.offset + tail)
        if (bytes?.length !== tail) throw damagedSquashfs(name, `a file's end lies outside its fragment, at offset ${String(file.fragment.offset)}`, at)
        parts.push(bytes)
      }
      return parts.length === 1 && parts[0] ? Buffer.from(parts[0]) : Buffer.concat(parts)
    })
  }

  function* dataBlocks(file: FileInode): Generator<{ at: number; size: number; maxBytes: number; expectedBytes: number }> {
    let at = file.start
    for (let index = 0; index * 4 < file.blockList.length; index += 1) {
      const size = file.blockList.readUInt32LE(index * 4)
      const length = lengthOf(size)
      const expectedBytes = Math.min(superblock.blockSizeBytes, file.sizeBytes - index * superblock.blockSizeBytes)
      if (length > superblock.blockSizeBytes || at + length > superblock.inodeTable) throw damagedSquashfs(name, `a data block of ${String(length)} bytes lies outside of its data`, at)
      yield { at, size: length === 0 ? 0 : size, maxBytes: superblock.blockSizeBytes, expectedBytes }
      at += length
    }
  }

  function fragmentOf(index: number): { at: number; size: number; maxBytes: number } {
    const at = Number(fragments.readBigUInt64LE(index * 16))
    const size = fragments.readUInt32LE(index * 16 + 8)
    const length = lengthOf(size)
    if (length === 0 || length > superblock.blockSizeBytes || at + length > superblock.inodeTable) throw damagedSquashfs(name, `fragment ${String(index)} of ${String(length)} bytes lies outside of its data`, at)
    return { at, size, maxBytes: superblock.blockSizeBytes }
  }
}

/** A file in stretches of at most that many bytes, each as a file of its own, so that it need not be in memory as a whole. */
export function* stretchesOf(file: FileInode, blockSizeBytes: number, maxBytes: number): Generator<FileInode> {
  const blocks = Math.floor(maxBytes / blockSizeBytes)
  let start = file.start
  for (let at = 0; at < file.sizeBytes; at += blocks * blockSizeBytes) {
    const first = at / blockSizeBytes * 4
    const last = at + blocks * blockSizeBytes >= file.sizeBytes
    const blockList = file.blockList.subarray(first, last ? undefined : first + blocks * 4)
    yield { ...file, start, blockList, sizeBytes: last ? file.sizeBytes - at : blocks * blockSizeBytes, fragment: last ? file.fragment : undefined }
    for (let index = 0; index < blockList.length; index += 4) start += lengthOf(blockList.readUInt32LE(index))
  }
}

function referenceOf(number: bigint): InodeReference {
  return { block: Number(number >> 16n), offset: Number(number & 0xffffn) }
}

/** Files in groups that unpack to a bounded size, however many share a fragment. */
function* batches(files: readonly FileInode[], blockSizeBytes: number): Generator<FileInode[]> {
  let batch: FileInode[] = []
  let bytes = 0
  const fragments = new Set<number>()
  for (const file of files) {
    const fresh = file.fragment && !fragments.has(file.fragment.index) ? blockSizeBytes : 0
    if (bytes > 0 && bytes + file.blockList.length / 4 * blockSizeBytes + fresh > batchBytes) {
      yield batch
      batch = []
      bytes = 0
      fragments.clear()
    }
    batch.push(file)
    bytes += file.blockList.length / 4 * blockSizeBytes + fresh
    if (file.fragment) fragments.add(file.fragment.index)
  }
  if (batch.length > 0) yield batch
}
