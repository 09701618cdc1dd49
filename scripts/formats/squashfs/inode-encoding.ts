import type { DirectoryInode, FileInode, Inode, SpecialInode, SymlinkInode } from './inode.ts'

/** What a folder's inode says beside what reading it gives. */
export interface NewDirectoryInode extends DirectoryInode {
  /** The number of the folder it is in. */
  parent: number
  /** The index of its listing, and how many entries that has. */
  index: Buffer
  indexEntries: number
}

const none = 0xffffffff
const max16 = 0xffff
const max32 = 0xffffffff
/** Extended kinds are numbered seven above their basic ones. */
const extendedBy = 7

/** The bytes of an inode (Documentation/filesystems/squashfs.rst): of its basic kind where that can hold it, else of the extended one. */
export function encodeInode(inode: NewDirectoryInode | Exclude<Inode, DirectoryInode>): Buffer {
  switch (inode.kind) {
    case 'directory': return directory(inode)
    case 'file': return file(inode)
    case 'symlink': return symlink(inode)
    case 'block-device': return special(inode, 4)
    case 'character-device': return special(inode, 5)
    case 'fifo': return special(inode, 6)
    case 'socket': return special(inode, 7)
    default: return inode satisfies never
  }
}

function directory(inode: NewDirectoryInode): Buffer {
  // `.` and `..` count as three bytes of a listing.
  const size = inode.listingBytes + 3
  const extended = size > max16 || inode.indexEntries > 0 || inode.xattr !== undefined
  const bytes = started(inode, extended ? 1 + extendedBy : 1, extended ? 40 : 32)
  if (extended) {
    bytes.writeUInt32LE(inode.links, 16)
    bytes.writeUInt32LE(size, 20)
    bytes.writeUInt32LE(inode.block, 24)
    bytes.writeUInt32LE(inode.parent, 28)
    bytes.writeUInt16LE(inode.indexEntries, 32)
    bytes.writeUInt16LE(inode.offset, 34)
    bytes.writeUInt32LE(inode.xattr ?? none, 36)
    return Buffer.concat([bytes, inode.index])
  }
  bytes.writeUInt32LE(inode.block, 16)
  bytes.writeUInt32LE(inode.links, 20)
  bytes.writeUInt16LE(size, 24)
  bytes.writeUInt16LE(inode.offset, 26)
  bytes.writeUInt32LE(inode.parent, 28)
  return bytes
}

function file(inode: FileInode): Buffer {
  const { sizeBytes, start, blockList, fragment } = inode
  const extended = inode.links > 1 || inode.xattr !== undefined || inode.sparseBytes > 0 || sizeBytes > max32 || start > max32
  const bytes = started(inode, extended ? 2 + extendedBy : 2, (extended ? 56 : 32) + blockList.length)
  if (extended) {
    bytes.writeBigUInt64LE(BigInt(start), 16)
    bytes.writeBigUInt64LE(BigInt(sizeBytes), 24)
    bytes.writeBigUInt64LE(BigInt(inode.sparseBytes), 32)
    bytes.writeUInt32LE(inode.links, 40)
    bytes.writeUInt32LE(fragment?.index ?? none, 44)
    bytes.writeUInt32LE(fragment?.offset ?? 0, 48)
    bytes.writeUInt32LE(inode.xattr ?? none, 52)
    blockList.copy(bytes, 56)
    return bytes
  }
  bytes.writeUInt32LE(start, 16)
  bytes.writeUInt32LE(fragment?.index ?? none, 20)
  bytes.writeUInt32LE(fragment?.offset ?? 0, 24)
  bytes.writeUInt32LE(sizeBytes, 28)
  blockList.copy(bytes, 32)
  return bytes
}

function symlink(inode: SymlinkInode): Buffer {
  const { targetBytes } = inode
  const extended = inode.xattr !== undefined
  const bytes = started(inode, extended ? 3 + extendedBy : 3, 24 + targetBytes.length + (extended ? 4 : 0))
  bytes.writeUInt32LE(inode.links, 16)
  bytes.writeUInt32LE(targetBytes.length, 20)
  targetBytes.copy(bytes, 24)
  if (inode.xattr !== undefined) bytes.writeUInt32LE(inode.xattr, 24 + targetBytes.length)
  return bytes
}

function special(inode: SpecialInode, type: number): Buffer {
  const extended = inode.xattr !== undefined
  const device = type < 6
  const size = device ? 24 : 20
  const bytes = started(inode, extended ? type + extendedBy : type, size + (extended ? 4 : 0))
  bytes.writeUInt32LE(inode.links, 16)
  if (device) bytes.writeUInt32LE(inode.device, 20)
  if (inode.xattr !== undefined) bytes.writeUInt32LE(inode.xattr, size)
  return bytes
}

/** A new inode's bytes with what all kinds begin with. */
function started({ mode, uidIndex, gidIndex, mtime, number }: Inode, type: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt16LE(type, 0)
  bytes.writeUInt16LE(mode, 2)
  bytes.writeUInt16LE(uidIndex, 4)
  bytes.writeUInt16LE(gidIndex, 6)
  bytes.writeUInt32LE(mtime, 8)
  bytes.writeUInt32LE(number, 12)
  return bytes
}
