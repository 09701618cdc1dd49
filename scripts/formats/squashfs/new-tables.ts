import type { ByteSource } from '../byte-source.ts'
import { ForgeError } from '../../lib/errors.ts'
import type { UnpackDeps } from '../unpack-frames.ts'
import { damagedSquashfs } from './damage.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { encodeInode } from './inode-encoding.ts'
import { kindNumber, type Inode } from './inode.ts'
import { isOverlayNote, type Layer, type MergedFolder, type MergedLeaf, type MergedTree } from './merged-tree.ts'
import { metadataBlockBytes } from './metadata.ts'
import { blockOf, blocksInIndex, writeListing, type Child, type NewListing } from './new-listing.ts'
import { packBlocks, type PackedBlocks } from './pack.ts'
import { PackedTable } from './packed-table.ts'
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
/** Where inodes name how many names they have: extended files, and all others. */
const linksOffset = (inode: Inode): number => inode.kind === 'file' ? 40 : 16

/** A folder of the new image, until it is written. */
interface PlannedFolder {
  folder: MergedFolder
  number: number
  /** The number of the one that it is in. */
  parent: number
  /** How many names of what is no folder come before its own. */
  leaves: number
  /** In the order of their names. */
  folders: PlannedFolder[]
  /** Of its inode, once that is written. */
  position: number
}

/**
 * The tables of a new image while they are made. Listings say where inodes lie packed, and folders' inodes where listings do. So all
 * other inodes come first, then folders from the deepest on: the listings of all that are equally deep, then their inodes. Either table
 * is packed as far as its blocks are full before the other goes on, which says where each thing in it lies.
 */
export class NewTables {
  readonly #inodes: PackedTable
  readonly #listings: PackedTable
  /** By inode number, less one: position in the unpacked inode table. */
  readonly #positions: number[] = []
  /** Inode numbers behind the names of all that is no folder, in the order of the tree. */
  readonly #leaves: number[] = []
  /** All folders, by how deep they are. */
  readonly #levels: PlannedFolder[][] = []
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
    const pack = (bytes: Buffer): Promise<PackedBlocks> => packBlocks(bytes, input.lower.squashfs.superblock.compressor, input.deps)
    this.#inodes = new PackedTable(pack)
    this.#listings = new PackedTable(pack)
    for (const layer of [input.lower, input.upper]) {
      this.#sets.set(layer, new Map())
      this.#shared.set(layer, new Map())
      this.#fragmentNumbers.set(layer, new Map())
    }
  }

  /** Takes in all inodes but those of folders. */
  async addLeaves(tree: MergedTree): Promise<void> {
    const todo = [{ planned: this.#planned(tree.root, 0), depth: 0 }]
    for (let next = todo.pop(); next; next = todo.pop()) {
      const { planned, depth } = next
      const level = this.#levels[depth] ??= []
      level.push(planned)
      planned.leaves = this.#leaves.length
      for (const entry of tree.entries(planned.folder.folder)) {
        if (entry.folder) planned.folders.push(this.#planned(entry, planned.number))
        else this.#leaves.push(this.#leaf(entry))
      }
      todo.push(...planned.folders.map((folder) => ({ planned: folder, depth: depth + 1 })).reverse())
    }
    await this.#inodes.packFull()
  }

  #planned(folder: MergedFolder, parent: number): PlannedFolder {
    return { folder, number: this.#nextNumber(), parent, leaves: 0, folders: [], position: 0 }
  }

  /** Takes in folders and their listings, once the leaves are there. */
  async addFolders(tree: MergedTree): Promise<void> {
    for (let level = this.#levels.pop(); level; level = this.#levels.pop()) {
      const listings = level.map((planned) => this.#listing(tree, planned))
      await this.#listings.packFull()
      for (const [index, planned] of level.entries()) {
        const listing = listings[index]
        if (listing) planned.position = this.#folder(planned, listing)
        // Those in it are in its listing now.
        planned.folders = []
      }
      await this.#inodes.packFull()
      this.#root = level[0]?.position ?? 0
    }
  }

  /** The tables, from a position on, and the superblock that says where they are. */
  async written(start: number): Promise<{ superblock: Superblock; parts: ByteSource[] }> {
    const { lower, deps } = this.#input
    const { superblock: old } = lower.squashfs
    const pack = (bytes: Buffer): Promise<PackedBlocks> => packBlocks(bytes, old.compressor, deps)
    // No table is empty.
    if (this.#listings.length === 0) this.#listings.append(Buffer.alloc(1))
    const tables = new TableArea(start)
    const inodeTable = tables.add(await this.#inodes.packAll())
    const superblock: Superblock = {
      ...old, inodes: this.#positions.length, fragments: this.#fragments.length / fragmentBytes, ids: this.#owners.size,
      rootInode: BigInt(this.#reference(this.#root)), inodeTable, directoryTable: tables.add(await this.#listings.packAll()),
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

  #listing(tree: MergedTree, { folder, leaves, folders }: PlannedFolder): NewListing {
    const children: Child[] = []
    let [leaf, inner] = [leaves, 0]
    for (const entry of tree.entries(folder.folder)) {
      if (entry.folder) {
        const { number, position } = folders[inner++] ?? { number: 0, position: 0 }
        children.push({ name: entry.name, number, position, type: directory })
      } else {
        const number = this.#leaves[leaf++] ?? 0
        children.push({ name: entry.name, number, position: this.#positions[number - 1] ?? 0, type: entry.entry.type })
      }
    }
    return writeListing(this.#listings, children, (block) => this.#inodes.placeOf(block))
  }

  /** Where its inode is. */
  #folder({ folder, number, parent, folders }: PlannedFolder, listing: NewListing): number {
    for (const at of blocksInIndex(listing.index)) listing.index.writeUInt32LE(this.#listings.placeOf(listing.index.readUInt32LE(at)), at)
    // The root's parent has a number that no inode has.
    const above = parent === 0 ? this.#positions.length + 1 : parent
    return this.#put(number, encodeInode({ ...folder.inode, ...this.#common(folder.layer, folder.inode), number, links: folders.length + 2, parent: above, ...listing, block: this.#listings.placeOf(listing.block) }))
  }

  /** A place as references say it, a number below 2^53. */
  #reference(position: number): number {
    return this.#inodes.placeOf(blockOf(position)) * 65_536 + position % metadataBlockBytes
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
