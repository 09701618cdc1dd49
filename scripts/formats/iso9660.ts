import { ForgeError } from '../lib/errors.ts'
import { partOf, type ByteSource } from './byte-source.ts'
import { rockRidgeOf, suspSkip, type PosixFields } from './iso9660-rock-ridge.ts'

/** A file or folder of an ISO 9660 file system (ECMA-119). */
export interface IsoEntry {
  /** Path on the ISO, without a leading slash: `live/filesystem.squashfs`. */
  path: string
  directory: boolean
  /** In bytes, from the ISO's start. */
  offset: number
  sizeBytes: number
  /** Where the ISO has Rock Ridge. */
  posix?: PosixFields
}

export interface Iso9660 {
  volumeId: string
  /** What the ISO says its own size is. */
  volumeBytes: number
  /** Where the El Torito boot catalogue starts, in bytes; undefined when the ISO does not boot from CD. */
  bootCatalogOffset: number | undefined
  /** Every file and folder. */
  entries: readonly IsoEntry[]
  file: (path: string) => IsoEntry | undefined
  open: (entry: IsoEntry) => ByteSource
}

export const isoBlockBytes = 2048
const firstDescriptor = 16
const maxDescriptors = 64
/** A live ISO has a few hundred files in a few dozen folders. */
const maxEntries = 100_000
const maxDirectoryBytes = 16 * 1048576
const maxDepth = 32

interface Volume { rootOffset: number; rootBytes: number; joliet: boolean; volumeId: string; volumeBytes: number }

/** True when the bytes at the first descriptor's place are one. */
export async function looksLikeIso(source: ByteSource): Promise<boolean> {
  const at = firstDescriptor * isoBlockBytes
  if (source.sizeBytes < at + 8) return false
  return (await source.read(at + 1, 5)).toString('latin1') === 'CD001'
}

/**
 * Reads an ISO's folders, by their Rock Ridge or Joliet names where it has them. Nothing in it is trusted: loops, overlong
 * folders and positions outside the file are errors.
 * @throws ForgeError E_ISO_DAMAGED; E_IMAGE_TRUNCATED when the file is shorter than the ISO says
 */
export async function readIso9660(source: ByteSource): Promise<Iso9660> {
  const { primary, joliet, bootCatalogOffset } = await readDescriptors(source)
  if (primary.volumeBytes > source.sizeBytes) {
    throw new ForgeError('E_IMAGE_TRUNCATED', `${source.name} is cut off: it has ${String(source.sizeBytes)} of ${String(primary.volumeBytes)} bytes`, { hint: 'get the image again and compare its checksum with the publisher\'s' })
  }
  const rockRidge = await systemUseOf(source, primary)
  const entries = await readTree(source, rockRidge === undefined && joliet ? joliet : primary, rockRidge)
  const byPath = new Map(entries.map((entry) => [entry.path, entry]))
  return {
    volumeId: primary.volumeId, volumeBytes: primary.volumeBytes, bootCatalogOffset, entries,
    file: (path) => {
      const entry = byPath.get(path)
      return entry?.directory === false ? entry : undefined
    },
    open: (entry) => partOf(source, entry.offset, entry.sizeBytes, entry.path),
  }
}

async function readDescriptors(source: ByteSource): Promise<{ primary: Volume; joliet: Volume | undefined; bootCatalogOffset: number | undefined }> {
  let primary: Volume | undefined
  let joliet: Volume | undefined
  let bootCatalogOffset: number | undefined
  for (let index = firstDescriptor; ; index += 1) {
    if (index === firstDescriptor + maxDescriptors) throw damaged(source, 'its list of volume descriptors has no end', index * isoBlockBytes)
    const block = await source.read(index * isoBlockBytes, isoBlockBytes)
    if (block.toString('latin1', 1, 6) !== 'CD001') throw damaged(source, 'a volume descriptor is missing', index * isoBlockBytes)
    const type = block[0]
    if (type === 255) break
    if (type === 0 && block.toString('latin1', 7, 30) === 'EL TORITO SPECIFICATION') bootCatalogOffset = block.readUInt32LE(71) * isoBlockBytes
    if (type === 1) primary ??= volumeOf(source, block, index, false)
    if (type === 2 && isJoliet(block)) joliet ??= volumeOf(source, block, index, true)
  }
  if (!primary) throw damaged(source, 'it has no primary volume descriptor', firstDescriptor * isoBlockBytes)
  return { primary, joliet, bootCatalogOffset }
}

/** Joliet is a supplementary descriptor with one of three UCS-2 escape sequences; one without is of ISO 9660:1999. */
export function isJoliet(descriptor: Buffer): boolean {
  return /^%\/[@CE]/.test(descriptor.toString('latin1', 88, 91))
}

function volumeOf(source: ByteSource, block: Buffer, index: number, joliet: boolean): Volume {
  if (block.readUInt16LE(128) !== isoBlockBytes) throw damaged(source, `its blocks have ${String(block.readUInt16LE(128))} bytes instead of ${String(isoBlockBytes)}`, index * isoBlockBytes + 128)
  return {
    joliet,
    volumeId: block.toString('latin1', 40, 72).replace(/[^\x20-\x7e]/g, '?').trimEnd(),
    volumeBytes: block.readUInt32LE(80) * isoBlockBytes,
    rootOffset: block.readUInt32LE(156 + 2) * isoBlockBytes,
    rootBytes: block.readUInt32LE(156 + 10),
  }
}

/** Bytes to skip in every record's system use field; undefined when the ISO has no Rock Ridge names. */
async function systemUseOf(source: ByteSource, { rootOffset }: Volume): Promise<number | undefined> {
  const block = await source.read(rootOffset, isoBlockBytes)
  const length = block[0] ?? 0
  if (length < 34) throw damaged(source, 'its root folder has no entry for itself', rootOffset)
  return suspSkip(block.subarray(34, length))
}

async function readTree(source: ByteSource, root: Volume, rockRidge: number | undefined): Promise<IsoEntry[]> {
  const entries: IsoEntry[] = []
  const seen = new Set<number>()
  const todo: { path: string; offset: number; sizeBytes: number; depth: number }[] = [{ path: '', offset: root.rootOffset, sizeBytes: root.rootBytes, depth: 0 }]
  let total = 0
  for (let folder = todo.pop(); folder; folder = todo.pop()) {
    const where = folder.path === '' ? 'its root folder' : `the folder ${folder.path}`
    if (seen.has(folder.offset)) throw damaged(source, `${where} contains itself, or is in two places`, folder.offset)
    seen.add(folder.offset)
    total += folder.sizeBytes
    if (folder.depth > maxDepth) throw damaged(source, `${where} lies more than ${String(maxDepth)} folders deep`, folder.offset)
    if (folder.sizeBytes % isoBlockBytes !== 0 || total > maxDirectoryBytes) throw damaged(source, `${where} has an absurd size of ${String(folder.sizeBytes)} bytes`, folder.offset)
    const bytes = await source.read(folder.offset, folder.sizeBytes)
    let continued: IsoEntry | undefined
    for (let at = 0; at < bytes.length;) {
      const length = bytes[at] ?? 0
      // Records do not cross blocks; the rest of a block is zeros.
      if (length === 0) {
        at = (Math.floor(at / isoBlockBytes) + 1) * isoBlockBytes
        continue
      }
      const position = folder.offset + at
      const record = bytes.subarray(at, at + length)
      at += length
      const nameLength = record[32] ?? 0
      if (length < 34 || record.length < length || 33 + nameLength > length) throw damaged(source, `${where} has a damaged entry`, position)
      const identifier = record.subarray(33, 33 + nameLength)
      if (nameLength === 1 && (identifier[0] ?? 0) <= 1) continue
      const use = record.subarray(33 + nameLength + (nameLength % 2 === 0 ? 1 : 0))
      const { name: longName, posix } = rockRidge === undefined ? { name: undefined, posix: undefined } : await rockRidgeOf(use.subarray(rockRidge), source)
      const name = longName ?? plainName(identifier, root.joliet)
      if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw damaged(source, `${where} has an entry whose name is not one`, position)
      const flags = record[25] ?? 0
      const entry: IsoEntry = { path: folder.path === '' ? name : `${folder.path}/${name}`, directory: (flags & 2) !== 0, offset: record.readUInt32LE(2) * isoBlockBytes, sizeBytes: record.readUInt32LE(10), ...(posix ? { posix } : {}) }
      if (entry.offset + entry.sizeBytes > source.sizeBytes) throw damaged(source, `${entry.path} lies outside the file`, position)
      // A file above 4 GiB has several records, one after the other, each for the next part.
      if (continued?.path === entry.path) {
        if (continued.offset + continued.sizeBytes !== entry.offset) throw damaged(source, `${entry.path} is in pieces`, position)
        continued.sizeBytes += entry.sizeBytes
      } else {
        entries.push(entry)
        if (entry.directory) todo.push({ path: entry.path, offset: entry.offset, sizeBytes: entry.sizeBytes, depth: folder.depth + 1 })
      }
      continued = (flags & 0x80) === 0 ? undefined : continued ?? entry
      if (entries.length > maxEntries) throw damaged(source, `it has more than ${String(maxEntries)} files`, position)
    }
  }
  return entries
}

function plainName(identifier: Buffer, joliet: boolean): string {
  const text = joliet ? Buffer.from(identifier.subarray(0, identifier.length & ~1)).swap16().toString('utf16le') : identifier.toString('latin1')
  return text.replace(/;\d+$/, '').replace(/\.$/, '')
}

function damaged(source: ByteSource, what: string, position: number): ForgeError {
  return new ForgeError('E_ISO_DAMAGED', `${source.name}: ${what} (byte ${String(position)})`, { hint: 'the ISO is damaged; get it again' })
}
