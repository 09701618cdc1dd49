import { damagedSquashfs } from './damage.ts'
import type { DirectoryInode, Inode, InodeReference } from './inode.ts'
import type { Squashfs } from './squashfs.ts'
import { maxInodes } from './superblock.ts'

/** A path has 4096 bytes at most. */
const maxDepth = 2048
/** Hard links are names beside those of the inodes. */
const maxNames = 2 * maxInodes

/** Counts what is read of a tree, so that one which is none (a folder in itself, or in two places) ends in an error. */
export class TreeGuard {
  readonly #squashfs: Squashfs
  readonly #folders = new Set<number>()
  #listed = 0
  #names = 0

  constructor(squashfs: Squashfs) {
    this.#squashfs = squashfs
  }

  /** A folder's entries, for the one time that they may be asked for. @throws ForgeError E_SQUASHFS */
  entries(directory: DirectoryInode, reference: InodeReference, depth: number): ReturnType<Squashfs['entries']> {
    const { name, superblock, listingBytes } = this.#squashfs
    const place = this.#squashfs.placeOf(reference)
    const damaged = (what: string): never => { throw damagedSquashfs(name, `${what} (inode table, unpacked)`, place) }
    if (this.#folders.has(place)) damaged('a folder is in two places, or contains itself')
    this.#folders.add(place)
    if (this.#folders.size > superblock.inodes) damaged(`it has more folders than its ${String(superblock.inodes)} inodes`)
    if (depth > maxDepth) damaged(`it has folders more than ${String(maxDepth)} deep`)
    // Another inode with the same listing.
    this.#listed += directory.listingBytes
    if (this.#listed > listingBytes) damaged('folders share their listings')
    const entries = this.#squashfs.entries(directory, 'latin1')
    this.#names += entries.size
    if (this.#names > maxNames) damaged(`it has more than ${String(maxNames)} names`)
    return entries
  }
}

/** A name in an image. */
export interface TreeEntry {
  /** From the root, without a slash in front; empty for the root. Bytes, one a character. */
  path: string
  inode: Inode
  /** Of the inode: names with the same one are hard links. */
  place: number
}

/** All names in an image, a folder in front of what is in it, in their order there. In memory are only the folders on the way. @throws ForgeError E_SQUASHFS */
export function* walk(squashfs: Squashfs): Generator<TreeEntry> {
  const guard = new TreeGuard(squashfs)
  const way = [{ path: '', entries: guard.entries(squashfs.root, squashfs.rootReference, 0)[Symbol.iterator]() }]
  yield { path: '', inode: squashfs.root, place: squashfs.placeOf(squashfs.rootReference) }
  for (let folder = way.at(-1); folder; folder = way.at(-1)) {
    const next = folder.entries.next()
    if (next.done === true) {
      way.pop()
      continue
    }
    const [name, reference] = next.value
    const path = folder.path === '' ? name : `${folder.path}/${name}`
    const inode = squashfs.inode(reference)
    yield { path, inode, place: squashfs.placeOf(reference) }
    if (inode.kind === 'directory') way.push({ path, entries: guard.entries(inode, reference, way.length)[Symbol.iterator]() })
  }
}
