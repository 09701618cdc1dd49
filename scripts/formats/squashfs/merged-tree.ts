import { ForgeError } from '../../lib/errors.ts'
import { damagedSquashfs } from './damage.ts'
import type { DirectoryEntry } from './directory.ts'
import { kindNumber, type DirectoryInode, type Inode, type InodeReference } from './inode.ts'
import type { Squashfs } from './squashfs.ts'
import { TreeGuard } from './tree.ts'
import type { Xattr, XattrTable } from './xattrs.ts'

/** An image with what its folders may have on them. */
export interface Layer {
  squashfs: Squashfs
  xattrs: XattrTable
}

/** A name in the merged tree, and which layer it is of. */
export type MergedEntry = MergedLeaf | MergedFolder

export interface MergedLeaf {
  /** Bytes, one a character. */
  name: string
  layer: Layer
  /** Of its inode, which is read by whoever needs it; it is no folder's. */
  entry: DirectoryEntry
  folder?: undefined
}

export interface MergedFolder {
  name: string
  layer: Layer
  inode: DirectoryInode
  folder: Folder
}

const [directory, characterDevice] = [kindNumber('directory'), kindNumber('character-device')]

interface FolderOfLayer {
  inode: DirectoryInode
  reference: InodeReference
}

/** A folder of the merged tree: of either layer or of both. */
interface Folder {
  lower: FolderOfLayer | undefined
  upper: FolderOfLayer | undefined
  /** How many folders are above it. */
  depth: number
}

/**
 * The tree that overlayfs shows of a lower layer and an upper one, folder by folder, each once. In the upper layer a character
 * device with the numbers 0, 0 takes a name away, and `overlay.opaque` on a folder everything that the lower layer has there.
 * @see Documentation/filesystems/overlayfs.rst
 */
export class MergedTree {
  readonly #lower: Layer
  readonly #upper: Layer
  readonly #guards: ReadonlyMap<Layer, TreeGuard>
  readonly root: MergedFolder

  constructor(lower: Layer, upper: Layer) {
    this.#lower = lower
    this.#upper = upper
    this.#guards = new Map([lower, upper].map((layer) => [layer, new TreeGuard(layer.squashfs)]))
    const rootOf = ({ squashfs: { root: inode, rootReference: reference } }: Layer): FolderOfLayer => ({ inode, reference })
    this.root = { name: '', layer: upper, inode: upper.squashfs.root, folder: { lower: rootOf(lower), upper: rootOf(upper), depth: 0 } }
  }

  /** What is in a folder, in the order of the bytes of the names. @throws ForgeError E_SQUASHFS, E_OVERLAY */
  * entries({ lower, upper, depth }: Folder): Generator<MergedEntry> {
    const below = this.#listing(this.#lower, lower, depth)
    const above = this.#listing(this.#upper, upper, depth)
    for (const name of namesOf(below, above)) {
      const fresh = above.get(name)
      const old = below.get(name)
      if (!fresh) {
        if (old) yield this.#entry(this.#lower, name, old, undefined, depth)
        continue
      }
      if (fresh.type === characterDevice && isWhiteout(this.#upper.squashfs.inode(fresh))) continue
      yield this.#entry(this.#upper, name, fresh, old, depth)
    }
  }

  #entry(layer: Layer, name: string, entry: DirectoryEntry, below: DirectoryEntry | undefined, depth: number): MergedEntry {
    if (entry.type !== directory) return { name, layer, entry }
    const own = folderOf(layer, entry)
    if (layer === this.#lower) return { name, layer, inode: own.inode, folder: { lower: own, upper: undefined, depth: depth + 1 } }
    // The old folder goes on below the new one, unless that says it is all there is.
    const under = below?.type === directory && !isOpaque(own.inode, layer) ? folderOf(this.#lower, below) : undefined
    return { name, layer, inode: own.inode, folder: { lower: under, upper: own, depth: depth + 1 } }
  }

  #listing(layer: Layer, folder: FolderOfLayer | undefined, depth: number): ReturnType<Squashfs['entries']> {
    return folder === undefined ? new Map() : this.#guards.get(layer)?.entries(folder.inode, folder.reference, depth) ?? new Map()
  }
}

function isWhiteout(inode: Inode): boolean {
  return inode.kind === 'character-device' && inode.device === 0
}

/** @throws ForgeError E_SQUASHFS when the entry is wrong about what it leads to */
function folderOf({ squashfs }: Layer, reference: DirectoryEntry): FolderOfLayer {
  const inode = squashfs.inode(reference)
  if (inode.kind !== 'directory') throw damagedSquashfs(squashfs.name, 'a folder\'s inode is of another kind (inode table, unpacked)', squashfs.placeOf(reference))
  return { inode, reference }
}

/** Of both, in the order of their bytes. */
function namesOf(below: ReadonlyMap<string, unknown>, above: ReadonlyMap<string, unknown>): string[] {
  const names = [...below.keys()]
  for (const name of above.keys()) if (!below.has(name)) names.push(name)
  return names.sort((one, other) => one < other ? -1 : 1)
}

/** Attributes that overlayfs keeps its own notes in; they are no part of the tree. */
export function isOverlayNote({ namespace, name }: Xattr): boolean {
  return namespace < 2 && name.startsWith('overlay.')
}

/** The note on a folder that hides what is below it. */
export function saysOpaque(xattr: Xattr): boolean {
  return isOverlayNote(xattr) && xattr.name === 'overlay.opaque' && xattr.value === 'y'
}

/** @throws ForgeError E_OVERLAY for notes that say more than the tree */
function isOpaque(inode: DirectoryInode, layer: Layer): boolean {
  const notes = inode.xattr === undefined ? [] : layer.xattrs.set(inode.xattr).filter(isOverlayNote)
  const foreign = notes.find(({ name }) => name === 'overlay.redirect' || name === 'overlay.metacopy')
  if (foreign) {
    throw new ForgeError('E_OVERLAY', `${layer.squashfs.name} has a folder with the attribute ${foreign.name}: part of it is elsewhere in the lower layer`, { hint: 'mount the overlay with redirect_dir=off,metacopy=off' })
  }
  return notes.some(saysOpaque)
}
