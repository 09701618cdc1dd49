import { bytesAsSource, partOf, type ByteSource } from '../byte-source.ts'
import { ForgeError } from '../../lib/errors.ts'
import type { UnpackDeps } from '../unpack-frames.ts'
import { damagedSquashfs } from './damage.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { encodeInode, kindNumber } from './inode-encoding.ts'
import type { FileInode, Inode } from './inode.ts'
import { firstBlockOf, metadataBlockBytes } from './metadata.ts'
import { isOverlayNote, MergedTree, type Layer, type MergedEntry } from './merged-tree.ts'
import { inBlocks, packBlocks, storeBlocks } from './pack.ts'
import { openSquashfs, type Squashfs } from './squashfs.ts'
import { superblockBytes, type Superblock } from './superblock.ts'
import { XattrSets } from './xattrs.ts'

/** A squashfs that is made of two, not yet written. */
export interface Graft {
  sizeBytes: number
  /** The new image's bytes, one piece after the other: most are pieces of the two images. */
  parts: readonly ByteSource[]
  inodes: number
}

/** Images end at whole pages, for loop devices. */
const paddingBytes = 4096
const storedBlockBytes = metadataBlockBytes + 2
const maxHeaderEntries = 256
const maxOwners = 65_535
/** A path has 4096 bytes at most. */
const maxDepth = 2048
/** Where a folder's inode of either kind names its parent. */
const parentOffset = 28
const noTable = 0xffffffffffffffffn
const noXattrsFlag = 0x200

/**
 * Puts a difference, as overlayfs has it in its upper folder, on top of an image. Data blocks are taken as they are, packed, from
 * both; only inodes, folders and the other tables are made anew. Two times the same images give the same bytes.
 * @param difference made by mksquashfs with the old image's compressor and block size
 * @throws ForgeError E_SQUASHFS, E_SQUASHFS_COMPRESSOR, E_IMAGE_TRUNCATED; E_OVERLAY for a difference that this kind of image cannot hold
 */
export async function graft(old: ByteSource, difference: ByteSource, deps: UnpackDeps): Promise<Graft> {
  const [lower, upper] = [await openLayer(old, deps), await openLayer(difference, deps)]
  const { superblock } = lower.squashfs
  for (const [what, one, other] of [['compressor', superblock.compressor, upper.squashfs.superblock.compressor], ['block size', superblock.blockSizeBytes, upper.squashfs.superblock.blockSizeBytes]] as const) {
    if (one !== other) throw new ForgeError('E_OVERLAY', `${difference.name} has the ${what} ${String(other)}, and ${old.name} has ${String(one)}`, { hint: 'make the difference with the old image\'s own' })
  }
  const [kept, added] = [await endOfData(old, lower.squashfs), await endOfData(difference, upper.squashfs)]
  // A position in the difference, in the new image.
  const shift = kept - superblockBytes
  const tree = new MergedTree(lower, upper)
  const links = countLinks(tree)
  tree.restart()
  const tables = new NewTables(tree, links, { lower, upper, kept, added, shift })
  tables.write()
  return await tables.image(old, difference, deps)
}

async function openLayer(source: ByteSource, deps: UnpackDeps): Promise<Layer> {
  const squashfs = await openSquashfs(source, deps)
  return { squashfs, name: source.name, xattrs: await squashfs.xattrs() }
}

/** The first byte behind all data: where the first table begins, or the image's end if a table lies between the data. */
async function endOfData(source: ByteSource, { superblock }: Squashfs): Promise<number> {
  const { inodeTable, bytesUsed, fragmentTable, exportTable, idTable, xattrTable } = superblock
  const indexes = [fragmentTable, exportTable, idTable, xattrTable].filter((index) => index !== undefined)
  const starts = await Promise.all(indexes.map((index) => firstBlockOf(source, index)))
  return Math.min(...indexes, ...starts) > inodeTable ? inodeTable : bytesUsed
}

/** How many names each inode with more than one has in the merged tree: some may be gone, or lead to something else by now. */
function countLinks(tree: MergedTree): Map<Layer, Map<number, number>> {
  const links = new Map<Layer, Map<number, number>>()
  const todo = [tree.root.folder]
  for (let folder = todo.pop(); folder; folder = todo.pop()) {
    for (const entry of tree.entries(folder)) {
      if (entry.folder) {
        todo.push(entry.folder)
        continue
      }
      if (entry.inode.links < 2) continue
      const ofLayer = links.get(entry.layer) ?? new Map<number, number>()
      links.set(entry.layer, ofLayer.set(entry.place, (ofLayer.get(entry.place) ?? 0) + 1))
    }
  }
  return links
}

interface Written { number: number; position: number; type: number }
interface Layers { lower: Layer; upper: Layer; kept: number; added: number; shift: number }

/** The tables of the new image while they are made. */
class NewTables {
  readonly #inodes = new GrowingBuffer()
  readonly #listings = new GrowingBuffer()
  /** Where headers of listings are: each has the number of an inode block in it until that block's place is known. */
  readonly #headers: number[] = []
  /** By inode number, less one: position in the unpacked inode table. */
  readonly #positions: number[] = []
  readonly #owners = new Map<number, number>()
  readonly #xattrs = new XattrSets()
  /** Inodes with several names that are written already. */
  readonly #shared = new Map<Layer, Map<number, Written>>()
  readonly #tree: MergedTree
  readonly #links: Map<Layer, Map<number, number>>
  readonly #layers: Layers
  #root: Written | undefined

  constructor(tree: MergedTree, links: Map<Layer, Map<number, number>>, layers: Layers) {
    this.#tree = tree
    this.#links = links
    this.#layers = layers
  }

  write(): void {
    const { root } = this.#tree
    this.#root = this.#folder(root, this.#nextNumber(), 0, 0)
    // The root's parent has a number that no inode has.
    this.#inodes.bytes.writeUInt32LE(this.#positions.length + 1, this.#root.position + parentOffset)
  }

  #nextNumber(): number {
    this.#positions.push(0)
    return this.#positions.length
  }

  #put(number: number, bytes: Buffer, type: number): Written {
    const position = this.#inodes.append(bytes)
    this.#positions[number - 1] = position
    return { number, position, type }
  }

  #folder(folder: Extract<MergedEntry, { folder: object }>, number: number, parent: number, depth: number): Written {
    if (depth > maxDepth) throw damagedSquashfs(folder.layer.name, `it has folders more than ${String(maxDepth)} deep`, folder.layer.squashfs.superblock.directoryTable)
    const children: { name: string; written: Written }[] = []
    let folders = 0
    for (const entry of this.#tree.entries(folder.folder)) {
      if (entry.folder) folders += 1
      children.push({ name: entry.name, written: entry.folder ? this.#folder(entry, this.#nextNumber(), number, depth + 1) : this.#leaf(entry) })
    }
    const listing = this.#listing(children)
    return this.#put(number, encodeInode({ ...folder.inode, ...this.#common(folder), number, links: folders + 2, parent, ...listing }), 1)
  }

  #leaf({ layer, place, inode }: Extract<MergedEntry, { place: number }>): Written {
    const shared = this.#shared.get(layer) ?? new Map<number, Written>()
    this.#shared.set(layer, shared)
    const known = shared.get(place)
    if (known) return known
    const number = this.#nextNumber()
    const links = inode.links < 2 ? 1 : this.#links.get(layer)?.get(place) ?? 1
    const common = { ...this.#common({ layer, inode }), number, links }
    const written = this.#put(number, encodeInode(inode.kind === 'file' ? { ...inode, ...common, ...this.#placeOfData(layer, inode) } : { ...inode, ...common }), kindNumber(inode.kind))
    if (inode.links > 1) shared.set(place, written)
    return written
  }

  #common({ layer, inode }: { layer: Layer; inode: Inode }): { uidIndex: number; gidIndex: number; xattr: number | undefined } {
    const set = inode.xattr === undefined ? [] : layer.xattrs[inode.xattr]
    if (set === undefined) throw damagedSquashfs(layer.name, `an inode has set ${String(inode.xattr)} of ${String(layer.xattrs.length)} sets of extended attributes`, layer.squashfs.superblock.xattrTable ?? 0)
    return {
      uidIndex: this.#owner(layer.squashfs.owner(inode.uidIndex)), gidIndex: this.#owner(layer.squashfs.owner(inode.gidIndex)),
      xattr: this.#xattrs.add(set.filter((xattr) => !isOverlayNote(xattr))),
    }
  }

  #owner(id: number): number {
    const known = this.#owners.get(id)
    if (known !== undefined) return known
    if (this.#owners.size === maxOwners) throw new ForgeError('E_OVERLAY', `the new image would have more than ${String(maxOwners)} different owners, which no squashfs can hold`, { hint: 'give the new files owners that the image already has' })
    this.#owners.set(id, this.#owners.size)
    return this.#owners.size - 1
  }

  #placeOfData(layer: Layer, file: FileInode): Pick<FileInode, 'start' | 'fragment'> {
    const { lower, kept, added, shift } = this.#layers
    const end = layer.squashfs.endOf(file)
    const limit = layer === lower ? kept : added
    if (end > limit) throw damagedSquashfs(layer.name, 'a file\'s data reach into the tables', file.start)
    if (layer === lower) return { start: file.start, fragment: file.fragment }
    return {
      start: file.blockList.length === 0 ? 0 : file.start + shift,
      fragment: file.fragment && { index: file.fragment.index + lower.squashfs.superblock.fragments, offset: file.fragment.offset },
    }
  }

  /** Writes a folder's listing, with an index for a long one: an entry wherever a header is the first in a metadata block. */
  #listing(children: readonly { name: string; written: Written }[]): { block: number; offset: number; listingBytes: number; index: Buffer; indexEntries: number } {
    const start = this.#listings.length
    const index: Buffer[] = []
    let indexed = blockOf(start)
    for (let from = 0; from < children.length;) {
      const first = children[from]
      if (!first) break
      let to = from
      while (to < children.length && to - from < maxHeaderEntries && sharesHeader(first.written, children[to]?.written ?? first.written)) to += 1
      const at = this.#header(first.written, to - from)
      if (blockOf(at) > indexed) {
        indexed = blockOf(at)
        index.push(indexEntry(at - start, indexed * storedBlockBytes, first.name))
      }
      for (const child of children.slice(from, to)) this.#listings.append(listingEntry(child.name, child.written, first.written.number))
      from = to
    }
    return { block: blockOf(start) * storedBlockBytes, offset: start % metadataBlockBytes, listingBytes: this.#listings.length - start, index: Buffer.concat(index), indexEntries: index.length }
  }

  #header({ number, position }: Written, entries: number): number {
    const header = Buffer.alloc(12)
    header.writeUInt32LE(entries - 1, 0)
    header.writeUInt32LE(blockOf(position), 4)
    header.writeUInt32LE(number, 8)
    const at = this.#listings.append(header)
    this.#headers.push(at)
    return at
  }

  async image(old: ByteSource, difference: ByteSource, deps: UnpackDeps): Promise<Graft> {
    const { lower, upper, kept, added, shift } = this.#layers
    const { superblock } = lower.squashfs
    const pack = (bytes: Buffer): Promise<Buffer[]> => packBlocks(inBlocks(bytes), superblock.compressor, deps)

    const inodes = await pack(this.#inodes.bytes)
    const places = placesOf(inodes)
    const reference = (position: number): bigint => (BigInt(places[blockOf(position)] ?? 0) << 16n) | BigInt(position % metadataBlockBytes)
    for (const at of this.#headers) this.#listings.bytes.writeUInt32LE(places[this.#listings.bytes.readUInt32LE(at + 4)] ?? 0, at + 4)
    // Stored: inodes say where listings are and listings where inodes are, so the places of one have to be known before the other is packed.
    const listings = storeBlocks(inBlocks(this.#listings.length === 0 ? Buffer.alloc(1) : this.#listings.bytes))

    const tables = new TableArea(kept + added - superblockBytes)
    const next: Superblock = {
      ...superblock, inodes: this.#positions.length, fragments: superblock.fragments + upper.squashfs.superblock.fragments, ids: this.#owners.size,
      rootInode: reference(this.#root?.position ?? 0), inodeTable: tables.add(inodes), directoryTable: tables.add(listings),
      fragmentTable: undefined, exportTable: undefined, xattrTable: undefined, idTable: 0, bytesUsed: 0,
    }
    if (next.fragments > 0) next.fragmentTable = tables.addIndexed(await pack(Buffer.concat([lower.squashfs.fragments, shifted(upper.squashfs.fragments, shift)])))
    if (superblock.exportTable !== undefined) next.exportTable = tables.addIndexed(await pack(uint64s(this.#positions.map(reference))))
    const ids = Buffer.alloc(this.#owners.size * 4)
    for (const [id, index] of this.#owners) ids.writeUInt32LE(id, index * 4)
    next.idTable = tables.addIndexed(await pack(ids))
    next.xattrTable = await this.#addXattrs(tables, pack)
    if (next.xattrTable !== undefined) next.flags &= ~noXattrsFlag
    next.bytesUsed = tables.end
    tables.pad()

    const head = await old.read(0, superblockBytes)
    writeSuperblock(head, next)
    return {
      sizeBytes: tables.end, inodes: next.inodes,
      parts: [
        bytesAsSource(head, old.name), partOf(old, superblockBytes, kept - superblockBytes, 'data'),
        partOf(difference, superblockBytes, added - superblockBytes, 'data'), bytesAsSource(tables.bytes, 'tables'),
      ],
    }
  }

  async #addXattrs(tables: TableArea, pack: (bytes: Buffer) => Promise<Buffer[]>): Promise<number | undefined> {
    const { sets } = this.#xattrs
    if (sets.length === 0) return undefined
    const values = await pack(Buffer.concat(sets.map(({ bytes }) => bytes)))
    const places = placesOf(values)
    const start = tables.add(values)
    const ids = Buffer.alloc(sets.length * 16)
    let at = 0
    for (const [id, { bytes, count }] of sets.entries()) {
      ids.writeBigUInt64LE((BigInt(places[blockOf(at)] ?? 0) << 16n) | BigInt(at % metadataBlockBytes), id * 16)
      ids.writeUInt32LE(count, id * 16 + 8)
      ids.writeUInt32LE(bytes.length, id * 16 + 12)
      at += bytes.length
    }
    const header = Buffer.alloc(16)
    header.writeBigUInt64LE(BigInt(start), 0)
    header.writeUInt32LE(sets.length, 8)
    return tables.addIndexed(await pack(ids), header)
  }
}

/** The tables as they will lie behind the data. */
class TableArea {
  readonly #pieces: Buffer[] = []
  end: number

  constructor(start: number) {
    this.end = start
  }

  get bytes(): Buffer { return Buffer.concat(this.#pieces) }

  /** Where the first block then lies. */
  add(blocks: readonly Buffer[]): number {
    const start = this.end
    this.#pieces.push(...blocks)
    this.end += blocks.reduce((sum, block) => sum + block.length, 0)
    return start
  }

  /** Blocks, then a list of where each is, with `header` in front of that: the place of the header or the list. */
  addIndexed(blocks: readonly Buffer[], header?: Buffer): number {
    const start = this.add(blocks)
    const list = uint64s(placesOf(blocks).map((place) => BigInt(start + place)))
    return this.add(header ? [header, list] : [list])
  }

  pad(): void {
    this.add([Buffer.alloc((paddingBytes - this.end % paddingBytes) % paddingBytes)])
  }
}

function blockOf(position: number): number {
  return Math.floor(position / metadataBlockBytes)
}

/** Of each block, from the first one's start. */
function placesOf(blocks: readonly Buffer[]): number[] {
  let at = 0
  return blocks.map((block) => {
    at += block.length
    return at - block.length
  })
}

function uint64s(numbers: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 8)
  for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(number, index * 8)
  return bytes
}

/** Entries below one header have their inodes in one block, and numbers near the first one's. */
function sharesHeader(first: Written, other: Written): boolean {
  return blockOf(first.position) === blockOf(other.position) && Math.abs(other.number - first.number) <= 0x7fff
}

function listingEntry(name: string, { number, position, type }: Written, base: number): Buffer {
  const entry = Buffer.alloc(8 + name.length)
  entry.writeUInt16LE(position % metadataBlockBytes, 0)
  entry.writeInt16LE(number - base, 2)
  entry.writeUInt16LE(type, 4)
  entry.writeUInt16LE(name.length - 1, 6)
  entry.write(name, 8, 'latin1')
  return entry
}

function indexEntry(offset: number, block: number, name: string): Buffer {
  const entry = Buffer.alloc(12 + name.length)
  entry.writeUInt32LE(offset, 0)
  entry.writeUInt32LE(block, 4)
  entry.writeUInt32LE(name.length - 1, 8)
  entry.write(name, 12, 'latin1')
  return entry
}

/** A fragment table whose positions are `by` bytes further on. */
function shifted(fragments: Buffer, by: number): Buffer {
  const moved = Buffer.from(fragments)
  for (let at = 0; at < moved.length; at += 16) moved.writeBigUInt64LE(moved.readBigUInt64LE(at) + BigInt(by), at)
  return moved
}

/** What a graft changes; time, compressor and the like stay. */
function writeSuperblock(head: Buffer, superblock: Superblock): void {
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
