import type { ForgeError } from '../../lib/errors.ts'
import { damagedSquashfs } from './damage.ts'
import type { MetadataTable } from './metadata.ts'
import type { Superblock } from './superblock.ts'

export type InodeKind = 'directory' | 'file' | 'symlink' | 'block-device' | 'character-device' | 'fifo' | 'socket'

const kinds: readonly InodeKind[] = ['directory', 'file', 'symlink', 'block-device', 'character-device', 'fifo', 'socket']
const noFragment = 0xffffffff
const noXattr = 0xffffffff
const noBlocks = Buffer.alloc(0)

interface Common {
  /** Permissions with setuid, setgid and sticky, without the type. */
  mode: number
  /** Indexes into the table of owners. */
  uidIndex: number
  gidIndex: number
  /** Seconds since 1970. */
  mtime: number
  number: number
  links: number
  /** Index into the table of extended attributes. */
  xattr: number | undefined
}

export interface DirectoryInode extends Common {
  kind: 'directory'
  /** Its listing: metadata block in the directory table, offset in it, bytes. */
  block: number
  offset: number
  listingBytes: number
}

export interface FileInode extends Common {
  kind: 'file'
  sizeBytes: number
  /** Bytes of it that are holes; only the number of blocks that `stat` shows goes by it. */
  sparseBytes: number
  /** Of the first data block, in the image; the others follow. */
  start: number
  /** As stored, four bytes a data block: its size, bit 24 set when it is not packed, 0 for a block of zeros. */
  blockList: Buffer
  fragment: { index: number; offset: number } | undefined
}

export interface SymlinkInode extends Common {
  kind: 'symlink'
  target: string
  /** The same, byte for byte. */
  targetBytes: Buffer
}

export interface SpecialInode extends Common {
  kind: 'block-device' | 'character-device' | 'fifo' | 'socket'
  device: number
}

export type Inode = DirectoryInode | FileInode | SymlinkInode | SpecialInode

/** What an inode reference says: the metadata block's place in the inode table, and the offset in the unpacked block. */
export interface InodeReference {
  block: number
  offset: number
  /** The basic number of its kind, where a folder's entry says one. */
  type?: number
}

/** The basic number of an inode's kind, as entries of folders have it. */
export function kindNumber(kind: InodeKind): number {
  return kinds.indexOf(kind) + 1
}

/**
 * Reads the inode at a reference: basic kinds are 1 to 7, extended ones 8 to 14.
 * @throws ForgeError E_SQUASHFS
 */
export function readInode(table: MetadataTable, reference: InodeReference, superblock: Superblock, name: string): Inode {
  const { data } = table
  const at = table.at(reference.block, reference.offset)
  const where = { data, at, name }
  need(where, 16)
  const type = data.readUInt16LE(at)
  const kind = kinds[(type - 1) % 7]
  if (kind === undefined || type > 14) throw damaged(where, `has the unknown type ${String(type)}`)
  if (reference.type !== undefined && reference.type !== kindNumber(kind)) throw damaged(where, `is of type ${String(type)}, and a folder says that it is of type ${String(reference.type)}`)
  const extended = type > 7
  switch (kind) {
    case 'directory': {
      need(where, extended ? 40 : 32)
      // Sizes of listings are 3 too large, for `.` and `..`.
      const size = extended ? data.readUInt32LE(at + 20) : data.readUInt16LE(at + 24)
      return extended
        ? { ...common(where, data.readUInt32LE(at + 16), data.readUInt32LE(at + 36)), kind, block: data.readUInt32LE(at + 24), offset: data.readUInt16LE(at + 34), listingBytes: Math.max(0, size - 3) }
        : { ...common(where, data.readUInt32LE(at + 20)), kind, block: data.readUInt32LE(at + 16), offset: data.readUInt16LE(at + 26), listingBytes: Math.max(0, size - 3) }
    }
    case 'file': return readFile(where, extended, superblock)
    case 'symlink': {
      need(where, 24)
      const length = data.readUInt32LE(at + 20)
      if (length > 65_535) throw damaged(where, `of a symbolic link claims ${String(length)} bytes`)
      need(where, 24 + length + (extended ? 4 : 0))
      return { ...common(where, data.readUInt32LE(at + 16), extended ? data.readUInt32LE(at + 24 + length) : noXattr), kind, target: data.toString('utf8', at + 24, at + 24 + length), targetBytes: data.subarray(at + 24, at + 24 + length) }
    }
    case 'block-device': case 'character-device':
      need(where, extended ? 28 : 24)
      return { ...common(where, data.readUInt32LE(at + 16), extended ? data.readUInt32LE(at + 24) : noXattr), kind, device: data.readUInt32LE(at + 20) }
    case 'fifo': case 'socket':
      need(where, extended ? 24 : 20)
      return { ...common(where, data.readUInt32LE(at + 16), extended ? data.readUInt32LE(at + 20) : noXattr), kind, device: 0 }
    default: return kind satisfies never
  }
}

// Functions of their own, not closures: an image has hundreds of thousands of inodes.

interface Where { data: Buffer; at: number; name: string }

function damaged({ at, name }: Where, what: string): ForgeError {
  return damagedSquashfs(name, `an inode ${what} (inode table, unpacked)`, at)
}

function need(where: Where, length: number): void {
  if (where.at + length > where.data.length) throw damaged(where, 'reaches beyond the inode table')
}

function common({ data, at }: Where, links: number, xattr = noXattr): Common {
  return {
    mode: data.readUInt16LE(at + 2) & 0o7777, uidIndex: data.readUInt16LE(at + 4), gidIndex: data.readUInt16LE(at + 6), mtime: data.readUInt32LE(at + 8), number: data.readUInt32LE(at + 12),
    links, xattr: xattr === noXattr ? undefined : xattr,
  }
}

function readFile(where: Where, extended: boolean, { blockSizeBytes, fragments, bytesUsed }: Superblock): FileInode {
  const { data, at } = where
  const head = extended ? 56 : 32
  need(where, head)
  const sizeBytes = extended ? Number(data.readBigUInt64LE(at + 24)) : data.readUInt32LE(at + 28)
  const start = extended ? Number(data.readBigUInt64LE(at + 16)) : data.readUInt32LE(at + 16)
  const index = data.readUInt32LE(at + (extended ? 44 : 20))
  const offset = data.readUInt32LE(at + (extended ? 48 : 24))
  const tail = sizeBytes % blockSizeBytes
  const count = index === noFragment ? Math.ceil(sizeBytes / blockSizeBytes) : Math.floor(sizeBytes / blockSizeBytes)
  if (head + count * 4 > data.length - at) throw damaged(where, `of a file claims ${String(sizeBytes)} bytes, and has no room for their blocks`)
  if (index !== noFragment && index >= fragments) throw damaged(where, `of a file ends in fragment ${String(index)} of ${String(fragments)}`)
  if (index !== noFragment && offset + tail > blockSizeBytes) throw damaged(where, `of a file ends at offset ${String(offset)} of a fragment, with no room for the ${String(tail)} bytes there`)
  if (start > bytesUsed) throw damaged(where, `of a file has its data outside of the image, at ${String(start)}`)
  const sparseBytes = extended ? Number(data.readBigUInt64LE(at + 32)) : 0
  if (sparseBytes > sizeBytes) throw damaged(where, `of a file of ${String(sizeBytes)} bytes claims ${String(sparseBytes)} bytes of holes`)
  return {
    ...common(where, extended ? data.readUInt32LE(at + 40) : 1, extended ? data.readUInt32LE(at + 52) : noXattr), kind: 'file', sizeBytes, sparseBytes, start,
    blockList: count === 0 ? noBlocks : data.subarray(at + head, at + head + count * 4),
    fragment: index === noFragment ? undefined : { index, offset },
  }
}
