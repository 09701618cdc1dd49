import { ForgeError } from '../../lib/errors.ts'
import { damagedSquashfs } from './damage.ts'
import type { DirectoryInode, Inode } from './inode.ts'
import type { Squashfs } from './squashfs.ts'
import type { Xattr } from './xattrs.ts'

/** An image with what its folders may have on them. */
export interface Layer {
  squashfs: Squashfs
  /** For errors. */
  name: string
  xattrs: readonly (readonly Xattr[])[]
}

/** A name in the merged tree, and which layer it is of. */
export type MergedEntry = MergedLeaf | MergedFolder

interface MergedLeaf {
  /** Bytes, one a character. */
  name: string
  layer: Layer
  /** Of its inode in its layer: names with the same one are hard links. */
  place: number
  inode: Exclude<Inode, DirectoryInode>
  folder?: undefined
}

interface MergedFolder {
  name: string
  layer: Layer
  inode: DirectoryInode
  folder: Folder
}

/** A folder of the merged tree: of either layer or of both. */
export interface Folder {
  lower: DirectoryInode | undefined
  upper: DirectoryInode | undefined
}

/**
 * The tree that overlayfs shows of a lower layer and an upper one, folder by folder. In the upper layer a character device
 * with the numbers 0, 0 takes a name away, and `overlay.opaque` on a folder everything that the lower layer has there.
 * @see Documentation/filesystems/overlayfs.rst
 */
export class MergedTree {
  readonly #lower: Layer
  readonly #upper: Layer
  /** Listings that were read, in bytes, of each layer: folders that share one would multiply the tree. */
  readonly #read = new Map<Layer, number>()

  constructor(lower: Layer, upper: Layer) {
    this.#lower = lower
    this.#upper = upper
  }

  get root(): MergedFolder {
    return { name: '', layer: this.#upper, inode: this.#upper.squashfs.root, folder: { lower: this.#lower.squashfs.root, upper: this.#upper.squashfs.root } }
  }

  /** Forgets what was read, to go through the tree once more. */
  restart(): void {
    this.#read.clear()
  }

  /** What is in a folder, in the order of the bytes of the names. @throws ForgeError E_SQUASHFS, E_OVERLAY */
  * entries({ lower, upper }: Folder): Generator<MergedEntry> {
    const below = this.#listing(this.#lower, lower)
    const above = this.#listing(this.#upper, upper)
    const names = [...new Set([...below.keys(), ...above.keys()])].sort((one, other) => one < other ? -1 : 1)
    for (const name of names) {
      const reference = above.get(name)
      const old = below.get(name)
      if (!reference) {
        if (old) yield this.#entry(this.#lower, name, old, undefined)
        continue
      }
      const inode = this.#upper.squashfs.inode(reference)
      if (inode.kind === 'character-device' && inode.device === 0) continue
      // The old folder goes on below the new one, unless that says it is all there is.
      const under = inode.kind === 'directory' && old?.type === 1 && !isOpaque(inode, this.#upper) ? this.#lower.squashfs.inode(old) : undefined
      yield this.#entry(this.#upper, name, reference, under?.kind === 'directory' ? under : undefined, inode)
    }
  }

  #entry(layer: Layer, name: string, reference: { block: number; offset: number }, under: DirectoryInode | undefined, inode = layer.squashfs.inode(reference)): MergedEntry {
    if (inode.kind !== 'directory') return { name, layer, place: layer.squashfs.placeOf(reference), inode }
    return { name, layer, inode, folder: layer === this.#lower ? { lower: inode, upper: undefined } : { lower: under, upper: inode } }
  }

  #listing(layer: Layer, directory: DirectoryInode | undefined): ReturnType<Squashfs['entries']> {
    if (!directory) return new Map()
    const read = (this.#read.get(layer) ?? 0) + directory.listingBytes
    if (read > layer.squashfs.listingBytes) throw damagedSquashfs(layer.name, 'folders share their listings, or one contains itself', layer.squashfs.superblock.directoryTable)
    this.#read.set(layer, read)
    return layer.squashfs.entries(directory, 'latin1')
  }
}

/** Attributes that overlayfs keeps its own notes in; they are no part of the tree. */
export function isOverlayNote({ namespace, name }: Xattr): boolean {
  return namespace < 2 && name.startsWith('overlay.')
}

/** @throws ForgeError E_OVERLAY for notes that say more than the tree */
function isOpaque(inode: DirectoryInode, layer: Layer): boolean {
  const notes = inode.xattr === undefined ? [] : (layer.xattrs[inode.xattr] ?? []).filter(isOverlayNote)
  const foreign = notes.find(({ name }) => name === 'overlay.redirect' || name === 'overlay.metacopy')
  if (foreign) {
    throw new ForgeError('E_OVERLAY', `${layer.name} has a folder with the attribute ${foreign.name}: part of it is elsewhere in the lower layer`, { hint: 'mount the overlay with redirect_dir=off,metacopy=off' })
  }
  return notes.some(({ name, value }) => name === 'overlay.opaque' && value === 'y')
}
