import type { ByteSource } from '../byte-source.ts'
import { ForgeError } from '../../lib/errors.ts'
import type { UnpackDeps } from '../unpack-frames.ts'
import { damagedSquashfs } from './damage.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { encodeInode } from './inode-encoding.ts'
import { kindNumber, type Inode } from './inode.ts'
import { isOverlayNote, type Layer, type MergedFolder, type MergedLeaf, type MergedTree } from './merged-tree.ts'
import { metadataBlockBytes } from './metadata.ts'
import { blockOf, blocksInIndex, writeListing, type Child, type Written } from './new-listing.ts'
import { packBlocks, storeBlocks, storedBlockBytes, type PackedBlocks } from './pack.ts'
import { noXattrsFlag, type Superblock } from './superblock.ts'
import { TableArea } from './table-area.ts'
import { XattrSets } from './xattrs.ts'

interface NewTablesInput {
  lower: Layer
  upper: Layer
  /** How far the upper layer's data move. */
  shift: number
  deps: UnpackDeps
}

const directory = kindNumber('directory')
const maxOwners = 65_535
/** Of an entry of the fragment table: place, packed size. */
const fragmentBytes = 16
/** Where folders' inodes, of either kind, name their parent; and where each kind names its listing's block, and where its index begins. */
const offsets = { parent: 28, block: 16, extendedBlock: 24, index: 40 }
const extendedFolder = 8
/** Where inodes name how many names they have: extended files, and all others. */
const linksOffset = (inode: Inode): number => inode.kind === 'file' ? 40 : 16

/**
 * The tables of a new image while they are made. Listings say where inodes lie packed, and folders' inodes where listings do. So all
 * other inodes come first and are packed; the folders' stay as they are, which says where each will be; then listings are written and packed.
 */
export class NewTables {
  readonly #inodes = new GrowingBuffer()
  readonly #listings = new GrowingBuffer()
  /** Blocks that have nothing but files and the like in them. */
  #packedInodes: PackedBlocks = { bytes: Buffer.alloc(0), places: [] }
  /** By inode number, less one: position in the unpacked inode table. */
  readonly #positions: number[] = []
  /** Inode numbers behind the names of all that is no folder, in the order of the tree. */
  readonly #leaves: number[] = []
  /** Where folders' inodes have the number of a block of the listings, until its place is known. */
  readonly #blocks: number[] = []
  readonly #owners = new Map<number, number>()
  readonly #xattrs = new XattrSets()
  /** Of each layer, by the number of its set: that of the new image's. */
  readonly #sets = new Map<Layer, Map<number, number | undefined>>()
  /** Of each layer, by place: numbers of inodes with several names. */
  readonly #shared = new Map<Layer, Map<number, number>>()
  readonly #fragments = new GrowingBuffer()
  /** Of each layer, by the number of a fragment block: that of the new image's. */
  readonly #fragmentNumbers = new Map<Layer, Map<number, number>>()
  readonly #input: NewTablesInput
  #root = 0

  constructor(input: NewTablesInput) {
    this.#input = input
    for (const layer of [input.lower, input.upper]) {
      this.#sets.set(layer, new Map())
      this.#shared.set(layer, new Map())
      this.#fragmentNumbers.set(layer, new Map())
    }
  }

  /** Takes in all inodes but those of folders. */
  async addLeaves(tree: MergedTree): Promise<void> {
    const todo = [tree.root]
    for (let folder = todo.pop(); folder; folder = todo.pop()) {
      const folders: MergedFolder[] = []
      for (const entry of tree.entries(folder.folder)) {
        if (entry.folder) folders.push(entry)
        else this.#leaves.push(this.#leaf(entry))
      }
      todo.push(...folders.reverse())
    }
    const full = blockOf(this.#inodes.length) * metadataBlockBytes
    this.#packedInodes = await packBlocks(this.#inodes.bytes.subarray(0, full), this.#input.lower.squashfs.superblock.compressor, this.#input.deps)
  }

  /** Takes in folders and their listings, once the leaves are there. */
  addFolders(tree: MergedTree): void {
    const number = this.#nextNumber()
    this.#root = this.#folder(tree, tree.root, number, 0, this.#leaves.values()).position
    // The root's parent has a number that no inode has.
    this.#inodes.bytes.writeUInt32LE(this.#positions.length + 1, this.#root + offsets.parent)
  }

  /** The tables, from a position on, and the superblock that says where they are. */
  async written(start: number): Promise<{ superblock: Superblock; parts: ByteSource[] }> {
    const { lower, deps } = this.#input
    const { superblock: old } = lower.squashfs
    const pack = (bytes: Buffer): Promise<PackedBlocks> => packBlocks(bytes, old.compressor, deps)
    // No table is empty.
    const listings = await pack(this.#listings.length === 0 ? Buffer.alloc(1) : this.#listings.bytes)
    const inodes = this.#inodes.bytes
    for (const at of this.#blocks) inodes.writeUInt32LE(listings.places[inodes.readUInt32LE(at)] ?? 0, at)
    const tables = new TableArea(start)
    const inodeTable = tables.add(this.#packedInodes.bytes, storeBlocks(inodes.subarray(this.#packedInodes.places.length * metadataBlockBytes)).bytes)
    const superblock: Superblock = {
      ...old, inodes: this.#positions.length, fragments: this.#fragments.length / fragmentBytes, ids: this.#owners.size,
      rootInode: BigInt(this.#reference(this.#root)), inodeTable, directoryTable: tables.add(listings.bytes),
      fragmentTable: undefined, exportTable: undefined, xattrTable: undefined, idTable: 0, bytesUsed: 0,
    }
    if (superblock.fragments > 0) superblock.fragmentTable = tables.addIndexed(await pack(this.#fragments.bytes))
    if (old.exportTable !== undefined) superblock.exportTable = tables.addIndexed(await pack(uint64s(this.#positions.length, (index) => this.#reference(this.#positions[index] ?? 0))))
    const ids = Buffer.alloc(this.#owners.size * 4)
    for (const [id, index] of this.#owners) ids.writeUInt32LE(id, index * 4)
    superblock.idTable = tables.addIndexed(await pack(ids))
    superblock.xattrTable = await this.#addXattrs(tables, pack)
    if (superblock.xattrTable !== undefined) superblock.flags &= ~noXattrsFlag
    superblock.bytesUsed = tables.end
    tables.pad()
    return { superblock, parts: tables.parts }
  }

  #nextNumber(): number {
    this.#positions.push(0)
    return this.#positions.length
  }

  #put(number: number, bytes: Buffer): number {
    const position = this.#inodes.append(bytes)
    this.#positions[number - 1] = position
    return position
  }

  /** The number of its inode, which is written if it is not there yet. */
  #leaf({ layer, entry }: MergedLeaf): number {
    const inode = layer.squashfs.inode(entry)
    if (inode.kind === 'directory') throw damagedSquashfs(layer.squashfs.name, 'a folder is called a file (inode table, unpacked)', layer.squashfs.placeOf(entry))
    const place = layer.squashfs.placeOf(entry)
    const shared = inode.links > 1 ? this.#shared.get(layer) : undefined
    const known = shared?.get(place)
    if (known !== undefined) {
      const at = (this.#positions[known - 1] ?? 0) + linksOffset(inode)
      this.#inodes.bytes.writeUInt32LE(this.#inodes.bytes.readUInt32LE(at) + 1, at)
      return known
    }
    const number = this.#nextNumber()
    const common = { ...this.#common(layer, inode), number }
    const bytes = encodeInode(inode.kind === 'file' ? { ...inode, ...common, ...this.#placeOfData(layer, inode) } : { ...inode, ...common })
    // One so far: of the names that it had, some may be gone or lead to something else by now.
    if (shared) bytes.writeUInt32LE(1, linksOffset(inode))
    this.#put(number, bytes)
    shared?.set(place, number)
    return number
  }

  #folder(tree: MergedTree, folder: MergedFolder, number: number, parent: number, leaves: Iterator<number>): Written {
    const children: Child[] = []
    const folders: { child: Child; entry: MergedFolder }[] = []
    for (const entry of tree.entries(folder.folder)) {
      const { name } = entry
      const inode = Number(entry.folder ? 0 : leaves.next().value)
      const child = { name, number: inode, position: this.#positions[inode - 1] ?? 0, type: entry.folder ? directory : entry.entry.type }
      children.push(child)
      if (entry.folder) folders.push({ child, entry })
    }
    for (const { child } of folders) child.number = this.#nextNumber()
    for (const { child, entry } of folders) child.position = this.#folder(tree, entry, child.number, number, leaves).position
    const listing = writeListing(this.#listings, children, (block) => this.#placeOf(block))
    const position = this.#put(number, encodeInode({ ...folder.inode, ...this.#common(folder.layer, folder.inode), number, links: folders.length + 2, parent, ...listing }))
    const extended = this.#inodes.bytes.readUInt16LE(position) === extendedFolder
    this.#blocks.push(position + (extended ? offsets.extendedBlock : offsets.block))
    for (const at of blocksInIndex(listing.index)) this.#blocks.push(position + offsets.index + at)
    return { number, position, type: directory }
  }

  /** Where a block of the inode table lies: those behind the packed ones will be stored as they are. */
  #placeOf(block: number): number {
    const { bytes, places } = this.#packedInodes
    return places[block] ?? bytes.length + (block - places.length) * storedBlockBytes
  }

  /** A place as references say it, a number below 2^53. */
  #reference(position: number): number {
    return this.#placeOf(blockOf(position)) * 65_536 + position % metadataBlockBytes
  }

  #common(layer: Layer, inode: Inode): { uidIndex: number; gidIndex: number; xattr: number | undefined } {
    return { uidIndex: this.#owner(layer.squashfs.owner(inode.uidIndex)), gidIndex: this.#owner(layer.squashfs.owner(inode.gidIndex)), xattr: inode.xattr === undefined ? undefined : this.#set(layer, inode.xattr) }
  }

  #owner(id: number): number {
    const known = this.#owners.get(id)
    if (known !== undefined) return known
    if (this.#owners.size === maxOwners) throw new ForgeError('E_OVERLAY', `the new image would have more than ${String(maxOwners)} different owners, which no squashfs can hold`, { hint: 'give the new files owners that the image already has' })
    this.#owners.set(id, this.#owners.size)
    return this.#owners.size - 1
  }

  #set(layer: Layer, id: number): number | undefined {
    const known = this.#sets.get(layer)
    if (known?.has(id) !== true) known?.set(id, this.#xattrs.add(layer.xattrs.set(id).filter((xattr) => !isOverlayNote(xattr))))
    return known?.get(id)
  }

  #placeOfData(layer: Layer, file: Extract<Inode, { kind: 'file' }>): Pick<typeof file, 'start' | 'fragment'> {
    layer.squashfs.checkPlaces(file)
    return {
      start: layer === this.#input.lower ? file.start : file.blockList.length === 0 ? 0 : file.start + this.#input.shift,
      fragment: file.fragment && { index: this.#fragment(layer, file.fragment.index), offset: file.fragment.offset },
    }
  }

  /** Fragment blocks that no file has a part in any more are left out: unsquashfs takes more of them than inodes for damage. */
  #fragment(layer: Layer, index: number): number {
    const numbers = this.#fragmentNumbers.get(layer)
    const known = numbers?.get(index)
    if (known !== undefined) return known
    const entry = Buffer.from(layer.squashfs.fragments.subarray(index * fragmentBytes, (index + 1) * fragmentBytes))
    if (layer !== this.#input.lower) entry.writeBigUInt64LE(entry.readBigUInt64LE() + BigInt(this.#input.shift))
    const number = this.#fragments.append(entry) / fragmentBytes
    numbers?.set(index, number)
    return number
  }

  async #addXattrs(tables: TableArea, pack: (bytes: Buffer) => Promise<PackedBlocks>): Promise<number | undefined> {
    const { sets, bytes } = this.#xattrs
    if (sets.length === 0) return undefined
    const values = await pack(bytes)
    const start = tables.add(values.bytes)
    const ids = Buffer.alloc(sets.length * 16)
    for (const [id, { at, sizeBytes, count }] of sets.entries()) {
      ids.writeBigUInt64LE((BigInt(values.places[blockOf(at)] ?? 0) << 16n) | BigInt(at % metadataBlockBytes), id * 16)
      ids.writeUInt32LE(count, id * 16 + 8)
      ids.writeUInt32LE(sizeBytes, id * 16 + 12)
    }
    const header = Buffer.alloc(16)
    header.writeBigUInt64LE(BigInt(start), 0)
    header.writeUInt32LE(sets.length, 8)
    return tables.addIndexed(await pack(ids), header)
  }
}

/** Numbers below 2^53, eight bytes each. */
function uint64s(count: number, of: (index: number) => number): Buffer {
  const bytes = Buffer.alloc(count * 8)
  for (let index = 0; index < count; index += 1) {
    const number = of(index)
    bytes.writeUInt32LE(number % 2 ** 32, index * 8)
    bytes.writeUInt32LE(Math.floor(number / 2 ** 32), index * 8 + 4)
  }
  return bytes
}
