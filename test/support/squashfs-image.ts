/** Numbers of a squashfs that a test may set wrong on purpose. */
export interface SquashfsParts {
  files?: Readonly<Record<string, string>>
  superblock?: (bytes: Buffer) => void
  /** The inode table, unpacked, before its block is closed. */
  inodes?: (bytes: Buffer) => void
  directory?: (bytes: Buffer) => void
}

/** Where things lie in the image that `squashfsImage` makes. */
export interface SquashfsImage {
  bytes: Buffer
  inodeTable: number
  directoryTable: number
  idTable: number
}

const blockSize = 4096

/**
 * A squashfs 4.0 written by hand, nothing in it compressed: a root folder with plain files, each in blocks of 4 KiB, with
 * inode numbers from 1; the root's inode is the last.
 */
export function squashfsImage({ files = { 'one': 'first\n', 'two': 'second\n' }, superblock, inodes, directory }: SquashfsParts = {}): SquashfsImage {
  const names = Object.keys(files).sort()
  const data: Buffer[] = []
  const inodeParts: Buffer[] = []
  const places: number[] = []
  let at = 96
  for (const [index, name] of names.entries()) {
    const content = Buffer.from(files[name] ?? '')
    const blocks = Math.ceil(content.length / blockSize)
    const inode = Buffer.alloc(32 + blocks * 4)
    common(inode, 2, 0o644, index + 1)
    inode.writeUInt32LE(at, 16)
    inode.writeUInt32LE(0xffffffff, 20)
    inode.writeUInt32LE(content.length, 28)
    for (let block = 0; block < blocks; block += 1) inode.writeUInt32LE(((1 << 24) | Math.min(blockSize, content.length - block * blockSize)) >>> 0, 32 + block * 4)
    places.push(inodeParts.reduce((sum, part) => sum + part.length, 0))
    inodeParts.push(inode)
    data.push(content)
    at += content.length
  }
  const listing = Buffer.concat([words([names.length - 1, 0, 1], 4), ...names.map((name, index) => Buffer.concat([words([places[index] ?? 0, index, 2, name.length - 1], 2), Buffer.from(name)]))])
  const root = Buffer.alloc(32)
  common(root, 1, 0o755, names.length + 1)
  root.writeUInt32LE(2, 20)
  root.writeUInt16LE((names.length === 0 ? 0 : listing.length) + 3, 24)
  const rootPlace = inodeParts.reduce((sum, part) => sum + part.length, 0)
  const inodeBytes = Buffer.concat([...inodeParts, root])
  inodes?.(inodeBytes)
  directory?.(listing)

  const inodeTable = at
  const inodeBlock = metadata(inodeBytes)
  const directoryTable = inodeTable + inodeBlock.length
  const directoryBlock = metadata(listing)
  const ids = metadata(Buffer.alloc(4))
  const idBlockAt = directoryTable + directoryBlock.length
  const idTable = idBlockAt + ids.length
  const index = Buffer.alloc(8)
  index.writeBigUInt64LE(BigInt(idBlockAt))
  const head = Buffer.alloc(96)
  head.writeUInt32LE(0x73717368, 0)
  head.writeUInt32LE(names.length + 1, 4)
  head.writeUInt32LE(1_700_000_000, 8)
  head.writeUInt32LE(blockSize, 12)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(12, 22)
  head.writeUInt16LE(0x10 | 0x200, 24)
  head.writeUInt16LE(1, 26)
  head.writeUInt16LE(4, 28)
  head.writeBigUInt64LE(BigInt(rootPlace), 32)
  head.writeBigUInt64LE(BigInt(idTable + 8), 40)
  head.writeBigUInt64LE(BigInt(idTable), 48)
  head.writeBigUInt64LE(0xffffffffffffffffn, 56)
  head.writeBigUInt64LE(BigInt(inodeTable), 64)
  head.writeBigUInt64LE(BigInt(directoryTable), 72)
  head.writeBigUInt64LE(0xffffffffffffffffn, 80)
  head.writeBigUInt64LE(0xffffffffffffffffn, 88)
  superblock?.(head)
  return { bytes: Buffer.concat([head, ...data, inodeBlock, directoryBlock, ids, index]), inodeTable, directoryTable, idTable }
}

function common(inode: Buffer, type: number, mode: number, number: number): void {
  inode.writeUInt16LE(type, 0)
  inode.writeUInt16LE(mode, 2)
  inode.writeUInt32LE(1_700_000_000, 8)
  inode.writeUInt32LE(number, 12)
}

function metadata(bytes: Buffer): Buffer {
  const header = Buffer.alloc(2)
  header.writeUInt16LE(0x8000 | bytes.length)
  return Buffer.concat([header, bytes])
}

function words(values: readonly number[], size: 2 | 4): Buffer {
  const bytes = Buffer.alloc(values.length * size)
  for (const [index, value] of values.entries()) bytes.writeUIntLE(value, index * size, size)
  return bytes
}
