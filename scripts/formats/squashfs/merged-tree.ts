import { ForgeError } from '../../lib/errors.ts'
import type { DirectoryInode, Inode, InodeReference } from './inode.ts'
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
  /** Of its inode in its layer: names with the same one are hard links. */
  place: number
  inode: Exclude<Inode, DirectoryInode>
  folder?: undefined
}

export interface MergedFolder {
  name: string
  layer: Layer
  inode: DirectoryInode
  folder: Folder
}

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
      const reference = above.get(name)
      const old = below.get(name)
      if (!reference) {
        if (old) yield this.#entry(this.#lower, name, old, undefined, depth)
        continue
      }
      const inode = this.#upper.squashfs.inode(reference)
      if (inode.kind === 'character-device' && inode.device === 0) continue
      // The old folder goes on below the new one, unless that says it is all there is.
      const under = inode.kind === 'directory' && old?.type === 1 && !isOpaque(inode, this.#upper) ? this.#lower.squashfs.inode(old) : undefined
      yield this.#entry(this.#upper, name, reference, under?.kind === 'directory' && old ? { inode: under, reference: old } : undefined, depth, inode)
    }
  }

  #entry(layer: Layer, name: string, reference: InodeReference, under: FolderOfLayer | undefined, depth: number, inode = layer.squashfs.inode(reference)): MergedEntry {
    if (inode.kind !== 'directory') return { name, layer, place: layer.squashfs.placeOf(reference), inode }
    const own = { inode, reference }
    return { name, layer, inode, folder: layer === this.#lower ? { lower: own, upper: undefined, depth: depth + 1 } : { lower: under, upper: own, depth: depth + 1 } }
  }

  #listing(layer: Layer, folder: FolderOfLayer | undefined, depth: number): ReturnType<Squashfs['entries']> {
    return folder === undefined ? new Map() : this.#guards.get(layer)?.entries(folder.inode, folder.reference, depth) ?? new Map()
  }
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

/** @throws ForgeError E_OVERLAY for notes that say more than the tree */
function isOpaque(inode: DirectoryInode, layer: Layer): boolean {
  const notes = inode.xattr === undefined ? [] : layer.xattrs.set(inode.xattr).filter(isOverlayNote)
  const foreign = notes.find(({ name }) => name === 'overlay.redirect' || name === 'overlay.metacopy')
  if (foreign) {
    throw new ForgeError('E_OVERLAY', `${layer.squashfs.name} has a folder with the attribute ${foreign.name}: part of it is elsewhere in the lower layer`, { hint: 'mount the overlay with redirect_dir=off,metacopy=off' })
  }
  return notes.some(({ name, value }) => name === 'overlay.opaque' && value === 'y')
}
