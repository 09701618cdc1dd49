import { ForgeError } from '../lib/errors.ts'
import type { ByteSource } from './byte-source.ts'
import { isoBlockBytes } from './iso9660.ts'

/** An entry of the El Torito boot catalogue. */
export interface ElToritoEntry {
  /** 0 is BIOS, 0xef UEFI. */
  platformId: number
  bootable: boolean
  /** 0: no emulation, as all live ISOs have it. */
  emulation: number
  /** In units of 512 bytes. */
  loadSectors: number
  /** The boot image's first block of 2048 bytes. */
  block: number
}

export interface Partition {
  /** MBR: two hexadecimal digits; GPT: the type's GUID. */
  type: string
  startBytes: number
  sizeBytes: number
}

export interface HybridTables {
  /** Code that a BIOS starts from a USB stick, with a partition table. */
  mbr: boolean
  gpt: boolean
  /** GPT's where there is one, else the MBR's. */
  partitions: Partition[]
}

const catalogBytes = 2048
const sectorBytes = 512

/** Reads the boot catalogue (El Torito 1.0). @throws ForgeError E_ISO_DAMAGED */
export async function readBootCatalog(source: ByteSource, offset: number): Promise<ElToritoEntry[]> {
  const damaged = (what: string): ForgeError => new ForgeError('E_ISO_DAMAGED', `${source.name}: its boot catalogue ${what} (byte ${String(offset)})`, { hint: 'the ISO is damaged; get it again' })
  if (offset + catalogBytes > source.sizeBytes) throw damaged('lies outside the file')
  const bytes = await source.read(offset, catalogBytes)
  let sum = 0
  for (let at = 0; at < 32; at += 2) sum = (sum + bytes.readUInt16LE(at)) & 0xffff
  if (bytes[0] !== 1 || bytes.readUInt16BE(30) !== 0x55aa || sum !== 0) throw damaged('has a wrong checksum')
  const entries = [entryAt(bytes, 32, bytes[1] ?? 0)]
  for (let at = 64; at + 32 <= bytes.length;) {
    // 0x90: a section of entries follows, and another section; 0x91: the last one.
    const indicator = bytes[at]
    if (indicator !== 0x90 && indicator !== 0x91) break
    const platformId = bytes[at + 1] ?? 0
    const count = bytes.readUInt16LE(at + 2)
    at += 32
    for (let index = 0; index < count && at + 32 <= bytes.length; index += 1, at += 32) {
      // 0x44 extends the selection criteria of the entry before it.
      if (bytes[at] === 0x44) index -= 1
      else entries.push(entryAt(bytes, at, platformId))
    }
    if (indicator === 0x91) break
  }
  return entries
}

function entryAt(bytes: Buffer, at: number, platformId: number): ElToritoEntry {
  return { platformId, bootable: bytes[at] === 0x88, emulation: (bytes[at + 1] ?? 0) & 0x0f, loadSectors: bytes.readUInt16LE(at + 6), block: bytes.readUInt32LE(at + 8) }
}

/** The partition tables in front of an ISO that also boots from a USB stick. Tables that make no sense count as none. */
export async function readHybridTables(source: ByteSource): Promise<HybridTables> {
  const none: HybridTables = { mbr: false, gpt: false, partitions: [] }
  if (source.sizeBytes < 16 * isoBlockBytes) return none
  const head = await source.read(0, 2 * sectorBytes)
  if (head.readUInt16LE(510) !== 0xaa55) return none
  const partitions = mbrPartitions(head, source.sizeBytes)
  const gpt = await gptPartitions(source, head.subarray(sectorBytes))
  return { mbr: partitions.length > 0 && head.subarray(0, 440).some((byte) => byte !== 0), gpt: gpt !== undefined, partitions: gpt ?? partitions }
}

function mbrPartitions(head: Buffer, sizeBytes: number): Partition[] {
  return [446, 462, 478, 494].map((at) => ({
    type: (head[at + 4] ?? 0).toString(16).padStart(2, '0'), startBytes: head.readUInt32LE(at + 8) * sectorBytes, sizeBytes: head.readUInt32LE(at + 12) * sectorBytes,
  })).filter((partition) => partition.type !== '00' && partition.sizeBytes > 0 && partition.startBytes < sizeBytes)
}

/** What a GPT says beside places: GUIDs as 32 hexadecimal digits in the order of their bytes. */
export interface GptIdentity {
  disk: string
  partitions: { guid: string; flags: string; name: string }[]
}

/** Undefined where there is none, or one that makes no sense. */
export async function readGptIdentity(source: ByteSource): Promise<GptIdentity | undefined> {
  if (source.sizeBytes < 16 * isoBlockBytes) return undefined
  const header = await source.read(sectorBytes, sectorBytes)
  const entries = await gptEntries(source, header)
  return entries && {
    disk: header.toString('hex', 56, 72),
    partitions: entries.map((entry) => ({ guid: entry.toString('hex', 16, 32), flags: entry.toString('hex', 48, 56), name: entry.toString('utf16le', 56, 128).replace(/\0.*$/s, '') })),
  }
}

async function gptPartitions(source: ByteSource, header: Buffer): Promise<Partition[] | undefined> {
  return (await gptEntries(source, header))?.map((entry) => {
    const first = Number(entry.readBigUInt64LE(32))
    return { type: guidText(entry), startBytes: first * sectorBytes, sizeBytes: (Number(entry.readBigUInt64LE(40)) - first + 1) * sectorBytes }
  }).filter((partition) => partition.sizeBytes > 0)
}

/** The entries in use, 128 bytes each. */
async function gptEntries(source: ByteSource, header: Buffer): Promise<Buffer[] | undefined> {
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return undefined
  const offset = Number(header.readBigUInt64LE(72)) * sectorBytes
  const [count, size] = [header.readUInt32LE(80), header.readUInt32LE(84)]
  if (size < 128 || size > 4096 || count > 1024 || offset + count * size > source.sizeBytes) return undefined
  const table = await source.read(offset, count * size)
  return Array.from({ length: count }, (_unused, index) => table.subarray(index * size, index * size + 128)).filter((entry) => entry.subarray(0, 16).some((byte) => byte !== 0))
}

/** A GUID as it is written: its first three fields are little-endian in the table. */
function guidText(bytes: Buffer): string {
  const hex = (from: number, to: number): string => bytes.toString('hex', from, to)
  return [bytes.readUInt32LE(0).toString(16).padStart(8, '0'), bytes.readUInt16LE(4).toString(16).padStart(4, '0'), bytes.readUInt16LE(6).toString(16).padStart(4, '0'), hex(8, 10), hex(10, 16)].join('-')
}

/** Where code in the MBR of a hybrid ISO is told its boot image's place: in sectors of 512 bytes. */
export const mbrImagePlace = { at: 432, bytes: 8 } as const

/** Whether the MBR leads to this boot image, as one for a USB stick does. GRUB's leads behind its first 2048 bytes, which read the rest from a CD. */
export async function mbrLeadsTo(source: ByteSource, { block }: Pick<ElToritoEntry, 'block'>): Promise<boolean> {
  const place = (await source.read(mbrImagePlace.at, mbrImagePlace.bytes)).readBigUInt64LE(0)
  const first = BigInt(block * (isoBlockBytes / sectorBytes))
  return block > 0 && (place === first || place === first + 4n)
}

/** What firmware that reads carefully would say of a GPT and of its copy at the end; empty where all is right, or where there is none. (UEFI 2.10, §5.3.2) */
export async function gptFaults(source: ByteSource): Promise<string[]> {
  if (source.sizeBytes < 16 * isoBlockBytes) return []
  const main = await source.read(sectorBytes, sectorBytes)
  if (main.toString('latin1', 0, 8) !== 'EFI PART') return []
  const faults = await headerFaults(source, main, 1n, 'GPT')
  const place = main.readBigUInt64LE(32)
  const copyAt = Number(place) * sectorBytes
  if (copyAt + sectorBytes > source.sizeBytes) return [...faults, 'the GPT\'s copy lies behind the end']
  const copy = await source.read(copyAt, sectorBytes)
  if (copy.toString('latin1', 0, 8) !== 'EFI PART') return [...faults, 'the GPT has no copy at the end']
  faults.push(...await headerFaults(source, copy, place, 'GPT\'s copy'))
  if (copy.readBigUInt64LE(32) !== 1n) faults.push('the GPT\'s copy says that the GPT is elsewhere')
  // The disk's GUID, and the number, size and checksum of the entries.
  if (!main.subarray(56, 72).equals(copy.subarray(56, 72)) || !main.subarray(80, 92).equals(copy.subarray(80, 92))) faults.push('the GPT\'s copy is another one')
  return faults
}

async function headerFaults(source: ByteSource, header: Buffer, place: bigint, what: string): Promise<string[]> {
  const faults: string[] = []
  const length = header.readUInt32LE(12)
  if (length < 92 || length > sectorBytes) return [`the ${what} has an impossible length`]
  const summed = Buffer.from(header.subarray(0, length)).fill(0, 16, 20)
  if (crc32(summed) !== header.readUInt32LE(16)) faults.push(`the ${what} has a wrong checksum`)
  if (header.readBigUInt64LE(24) !== place) faults.push(`the ${what} says that it is elsewhere`)
  const [offset, sizeBytes] = [Number(header.readBigUInt64LE(72)) * sectorBytes, header.readUInt32LE(80) * header.readUInt32LE(84)]
  if (sizeBytes > 1024 * 4096 || offset + sizeBytes > source.sizeBytes) return [...faults, `the ${what} has entries outside of the image`]
  if (crc32(await source.read(offset, sizeBytes)) !== header.readUInt32LE(88)) faults.push(`the ${what} has entries with a wrong checksum`)
  return faults
}

/** The one of Ethernet and zip: Node has it from 22.2 on only. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
