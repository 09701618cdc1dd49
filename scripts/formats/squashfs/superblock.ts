import { ForgeError } from '../../lib/errors.ts'
import type { ByteSource } from '../byte-source.ts'
import { damagedSquashfs } from './damage.ts'

/** By the number in the superblock, from 1. */
export const compressors = ['gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'] as const
export type SquashfsCompressor = (typeof compressors)[number]

/** The first 96 bytes of a squashfs 4.0 (Documentation/filesystems/squashfs.rst). Positions are bytes from its start. */
export interface Superblock {
  inodes: number
  /** Seconds since 1970. */
  createdAt: number
  blockSizeBytes: number
  fragments: number
  compressor: SquashfsCompressor
  flags: number
  ids: number
  /** Of the root folder: metadata block in the inode table, and offset in it. */
  rootInode: bigint
  bytesUsed: number
  idTable: number
  /** Undefined where the image has none of them. */
  xattrTable: number | undefined
  inodeTable: number
  directoryTable: number
  fragmentTable: number | undefined
  exportTable: number | undefined
}

export const superblockBytes = 96
/** A router has fifty thousand. */
export const maxInodes = 2_000_000
const magic = 0x73717368
const compressorOptionsFlag = 0x400
export const noXattrsFlag = 0x200
const noTable = 0xffffffffffffffffn

/** mksquashfs's own words for the flags. */
const flagNames: readonly [number, string][] = [
  [0x1, 'no-inode-compression'], [0x2, 'no-data-compression'], [0x8, 'no-fragment-compression'], [0x10, 'no-fragments'],
  [0x20, 'always-use-fragments'], [0x40, 'duplicates-removed'], [0x80, 'exportable'], [0x100, 'no-xattr-compression'], [noXattrsFlag, 'no-xattrs'],
  [0x800, 'no-id-compression'],
]

/** True when the bytes start like a squashfs, of any version. */
export async function looksLikeSquashfs(source: ByteSource): Promise<boolean> {
  return source.sizeBytes >= superblockBytes && (await source.read(0, 4)).readUInt32LE(0) === magic
}

/**
 * Reads the superblock and checks it against the file and itself.
 * @throws ForgeError E_SQUASHFS, E_SQUASHFS_COMPRESSOR; E_IMAGE_TRUNCATED when the file is shorter than the image says
 */
export async function readSuperblock(source: ByteSource): Promise<Superblock> {
  const bytes = await source.read(0, superblockBytes)
  const damaged = (what: string, at: number): ForgeError => damagedSquashfs(source.name, what, at)
  if (bytes.readUInt32LE(0) !== magic) throw damaged('it does not start like a squashfs', 0)
  const version = `${String(bytes.readUInt16LE(28))}.${String(bytes.readUInt16LE(30))}`
  if (version !== '4.0') throw damaged(`it has format ${version}; only 4.0 is in use since Linux 2.6.29`, 28)
  const number = bytes.readUInt16LE(20)
  const compressor = compressors[number - 1]
  if (compressor === undefined) {
    throw new ForgeError('E_SQUASHFS_COMPRESSOR', `${source.name} is compressed by method ${String(number)}, which is not one of ${compressors.map((name, index) => `${String(index + 1)} ${name}`).join(', ')} (byte 20)`, { hint: 'pack it anew with one of these; kernels mount all but lzma' })
  }
  const blockSizeBytes = bytes.readUInt32LE(12)
  const blockLog = bytes.readUInt16LE(22)
  if (blockLog < 12 || blockLog > 20 || blockSizeBytes !== 2 ** blockLog) throw damaged(`its block size of ${String(blockSizeBytes)} bytes is not a power of two from 4 KiB to 1 MiB`, 12)

  const bytesUsed = Number(bytes.readBigUInt64LE(40))
  if (bytesUsed > source.sizeBytes) {
    throw new ForgeError('E_IMAGE_TRUNCATED', `${source.name} is cut off: it has ${String(source.sizeBytes)} of ${String(bytesUsed)} bytes`, { hint: 'get the image again and compare its checksum with the publisher\'s' })
  }
  const table = (at: number, what: string): number => {
    const position = Number(bytes.readBigUInt64LE(at))
    if (position < superblockBytes || position >= bytesUsed) throw damaged(`its ${what} lies outside of it, at ${String(position)}`, at)
    return position
  }
  const optional = (at: number, what: string): number | undefined => bytes.readBigUInt64LE(at) === noTable ? undefined : table(at, what)
  const fragments = bytes.readUInt32LE(16)
  const superblock: Superblock = {
    inodes: bytes.readUInt32LE(4), createdAt: bytes.readUInt32LE(8), blockSizeBytes, fragments, compressor,
    flags: bytes.readUInt16LE(24), ids: bytes.readUInt16LE(26), rootInode: bytes.readBigUInt64LE(32), bytesUsed,
    idTable: table(48, 'table of owners'), xattrTable: optional(56, 'table of extended attributes'),
    inodeTable: table(64, 'inode table'), directoryTable: table(72, 'directory table'),
    fragmentTable: fragments === 0 ? undefined : table(80, 'fragment table'), exportTable: optional(88, 'export table'),
  }
  if (superblock.directoryTable <= superblock.inodeTable) throw damaged('its directory table comes before its inode table', 72)
  if (superblock.inodes === 0 || superblock.inodes > maxInodes) throw damaged(`it claims ${String(superblock.inodes)} inodes`, 4)
  if (superblock.ids === 0) throw damaged('it has no owners', 26)
  return superblock
}

/** Writes what another set of tables changes; time, compressor and the like stay as `head` has them. */
export function writeSuperblock(head: Buffer, superblock: Superblock): void {
  const table = (position: number | undefined): bigint => position === undefined ? noTable : BigInt(position)
  head.writeUInt32LE(superblock.inodes, 4)
  head.writeUInt32LE(superblock.fragments, 16)
  head.writeUInt16LE(superblock.flags, 24)
  head.writeUInt16LE(superblock.ids & 0xffff, 26)
  head.writeBigUInt64LE(superblock.rootInode, 32)
  head.writeBigUInt64LE(BigInt(superblock.bytesUsed), 40)
  head.writeBigUInt64LE(BigInt(superblock.idTable), 48)
  head.writeBigUInt64LE(table(superblock.xattrTable), 56)
  head.writeBigUInt64LE(BigInt(superblock.inodeTable), 64)
  head.writeBigUInt64LE(BigInt(superblock.directoryTable), 72)
  head.writeBigUInt64LE(table(superblock.fragmentTable), 80)
  head.writeBigUInt64LE(table(superblock.exportTable), 88)
}

export function flagsOf({ flags }: Superblock): string[] {
  return flagNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
}

/** The compressor's options as mksquashfs takes them, `-Xbcj x86`; empty for its defaults. */
export async function compressorOptions(source: ByteSource, { compressor, flags }: Superblock): Promise<string> {
  if ((flags & compressorOptionsFlag) === 0) return ''
  const header = (await source.read(superblockBytes, 2)).readUInt16LE(0) & 0x7fff
  const options = await source.read(superblockBytes + 2, Math.min(header, 64))
  const number = (at: number): number => options.length >= at + 4 ? options.readInt32LE(at) : 0
  switch (compressor) {
    case 'gzip': return `-Xcompression-level ${String(number(0))} -Xwindow-size ${String(number(4) & 0xffff)}`
    case 'lzo': return `-Xalgorithm ${['lzo1x_1', 'lzo1x_1_11', 'lzo1x_1_12', 'lzo1x_1_15', 'lzo1x_999'][number(0)] ?? String(number(0))}${number(4) > 0 ? ` -Xcompression-level ${String(number(4))}` : ''}`
    case 'xz': {
      const filters = ['x86', 'powerpc', 'ia64', 'arm', 'armthumb', 'sparc'].filter((_name, bit) => (number(4) & (1 << bit)) !== 0)
      return [`-Xdict-size ${String(number(0))}`, ...(filters.length > 0 ? [`-Xbcj ${filters.join(',')}`] : [])].join(' ')
    }
    case 'lz4': return number(4) === 1 ? '-Xhc' : ''
    case 'zstd': return `-Xcompression-level ${String(number(0))}`
    case 'lzma': return ''
    default: return compressor satisfies never
  }
}
