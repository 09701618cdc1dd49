import { rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileInode, Inode } from '../../scripts/formats/squashfs/inode.ts'
import { isOverlayNote, saysOpaque } from '../../scripts/formats/squashfs/merged-tree.ts'
import { stretchesOf, type Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import type { XattrTable } from '../../scripts/formats/squashfs/xattrs.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { UserNamespace } from '../../scripts/lib/user-namespace.ts'

/** A file, link or device that is not what it was; folders where nothing but they came or went, or where their mode, owner or attributes did. Sizes are a file's own, before packing. */
export interface ChangedPath {
  /** The root is `/`. */
  path: string
  change: 'added' | 'changed' | 'removed'
  /** Null where there is none. */
  oldBytes: number | null
  newBytes: number | null
}

export interface Difference {
  /** By path. */
  paths: ChangedPath[]
  /** What the overlay copied, and is as it was in everything but its time: paths as bytes, folders after what is in them. */
  unchanged: { path: Buffer; folder: boolean }[]
  /** Where an ordinary user made the upper folder: folders that belong to others in the image, and have to again. Paths are a byte a character. */
  givenBack: { path: string; mode: number; uid: number; gid: number }[]
  /** Why what an ordinary user made is not what root would have made, a sentence each. */
  onlyRoot: string[]
}

/** Who made the upper folder: root, or an ordinary user, to whom in it all belongs (`own`) or not (`all`). */
export type MadeBy = 'root' | 'all' | 'own'

/** As much as is compared at a time. */
const batchBytes = 8 * 1048576

/** Compares an overlay's upper folder, packed, with the image below it. @throws ForgeError E_SQUASHFS */
export async function differenceOf(old: Squashfs, upper: Squashfs, madeBy: MadeBy = 'root'): Promise<Difference> {
  return await new Comparison(old, upper, await old.xattrs(), await upper.xattrs(), madeBy).run()
}

/** Removes from the upper folder what is unchanged, so that the image's own shows through. */
export async function removeUnchanged(upperDir: string, { unchanged }: Difference, { exec, workDir, namespace }: { exec: Exec; workDir: string; namespace: UserNamespace | undefined }): Promise<void> {
  if (namespace) {
    // Folders there may belong to numbers that this program is not.
    const list = join(workDir, 'unchanged')
    await writeFile(list, Buffer.concat(unchanged.map(({ path }) => Buffer.concat([Buffer.from(`${upperDir}/`), path, Buffer.alloc(1)]))))
    await exec(['xargs', '-0', '-r', '-a', list, 'rm', '-f', '-d', '--'], { userNamespace: namespace, doing: 'take out what is unchanged', errorCode: 'E_INJECT' })
    return
  }
  for (const { path, folder } of unchanged) {
    const full = Buffer.concat([Buffer.from(`${upperDir}/`), path])
    if (folder) await rmdir(full)
    else await rm(full)
  }
}

interface Candidate { path: string; old: FileInode; fresh: FileInode }
type Directory = Extract<Inode, { kind: 'directory' }>

class Comparison {
  readonly #paths: ChangedPath[] = []
  readonly #same = new Set<string>()
  readonly #candidates: Candidate[] = []
  readonly #old: Squashfs
  readonly #upper: Squashfs
  readonly #oldXattrs: XattrTable
  readonly #upperXattrs: XattrTable
  readonly #madeBy: MadeBy
  readonly #givenBack: Difference['givenBack'] = []
  readonly #onlyRoot: { path: string; why: string }[] = []

  constructor(old: Squashfs, upper: Squashfs, oldXattrs: XattrTable, upperXattrs: XattrTable, madeBy: MadeBy) {
    this.#madeBy = madeBy
    this.#old = old
    this.#upper = upper
    this.#oldXattrs = oldXattrs
    this.#upperXattrs = upperXattrs
  }

  async run(): Promise<Difference> {
    if (!this.#looksSame(this.#old.root, this.#upper.root)) this.#paths.push({ path: '/', change: 'changed', oldBytes: null, newBytes: null })
    this.#folder('', this.#upper.root, this.#old.root)
    await this.#compareContents()
    const { unchanged } = this.#unchangedIn('', this.#upper.root, this.#old.root)
    const shown = this.#paths.filter(({ path }) => !this.#same.has(path)).map((change) => ({ ...change, path: Buffer.from(change.path, 'latin1').toString('utf8') }))
    const onlyRoot = this.#onlyRoot.filter(({ path }) => !this.#same.has(path)).map(({ path, why }) => `${Buffer.from(path, 'latin1').toString('utf8')} ${why}`)
    return { paths: shown.sort((one, other) => one.path < other.path ? -1 : 1), unchanged, givenBack: this.#givenBack, onlyRoot }
  }

  #folder(path: string, upper: Directory, old: Directory | undefined, hidden = false): void {
    // What hides a folder's old content hides that of all folders in it.
    const opaque = hidden || this.#isOpaque(upper)
    const below = old ? this.#old.entries(old, 'latin1') : new Map<string, never>()
    const above = this.#upper.entries(upper, 'latin1')
    for (const [name, reference] of above) {
      const child = path === '' ? name : `${path}/${name}`
      const fresh = this.#upper.inode(reference)
      const oldReference = below.get(name)
      const before = oldReference && this.#old.inode(oldReference)
      const whiteout = fresh.kind === 'character-device' && fresh.device === 0
      if (whiteout || (before?.kind === 'directory' && fresh.kind !== 'directory')) {
        if (before) this.#removed(child, before)
        if (whiteout) continue
      }
      if (this.#madeBy !== 'root') this.#askRights(child, before, fresh, old)
      if (fresh.kind === 'directory') {
        const goesOn = before?.kind === 'directory' ? before : undefined
        if (before && !goesOn) this.#removed(child, before)
        if (goesOn && !this.#looksSame(goesOn, fresh)) this.#paths.push({ path: child, change: 'changed', oldBytes: null, newBytes: null })
        if (!goesOn && this.#upper.entries(fresh, 'latin1').size === 0) this.#paths.push({ path: child, change: 'added', oldBytes: null, newBytes: null })
        this.#folder(child, fresh, goesOn, opaque)
        continue
      }
      const change = { path: child, oldBytes: before ? bytesOf(before) : null, newBytes: bytesOf(fresh) }
      if (!before || before.kind === 'directory') this.#paths.push({ ...change, change: 'added', oldBytes: null })
      else {
        this.#paths.push({ ...change, change: 'changed' })
        if (this.#looksSame(before, fresh)) this.#note(child, before, fresh)
      }
    }
    if (opaque) for (const [name, reference] of below) if (!above.has(name)) this.#removed(path === '' ? name : `${path}/${name}`, this.#old.inode(reference))
  }

  /** What an ordinary user cannot have done as root would have. */
  #askRights(path: string, before: Inode | undefined, fresh: Inode, folder: Directory | undefined): void {
    if (before && fresh.kind === 'file' && (before.kind === 'character-device' || before.kind === 'block-device')) this.#onlyRoot.push({ path, why: 'is a device node, which only root can make' })
    if (this.#madeBy === 'all') return
    const owner = (inode: Inode): [number, number] => [this.#old.owner(inode.uidIndex), this.#old.owner(inode.gidIndex)]
    const [uid, gid] = before ? owner(before) : [0, 0]
    if (before && (uid !== 0 || gid !== 0)) {
      if (before.kind === 'directory' && fresh.kind === 'directory') this.#givenBack.push({ path, mode: fresh.mode, uid, gid })
      else this.#onlyRoot.push({ path, why: `belongs to ${String(uid)}:${String(gid)} in the image` })
    }
    const inherits = !before && folder && (folder.mode & 0o2000) !== 0 ? owner(folder)[1] : 0
    if (inherits !== 0) this.#onlyRoot.push({ path, why: `is new in a folder that gives it to the group ${String(inherits)}` })
  }

  #note(path: string, old: Inode, fresh: Inode): void {
    if (old.kind === 'file' && fresh.kind === 'file') this.#candidates.push({ path, old, fresh })
    else if (old.kind === 'symlink' && fresh.kind === 'symlink') { if (old.targetBytes.equals(fresh.targetBytes)) this.#same.add(path) }
    else if (old.kind === fresh.kind && 'device' in old && 'device' in fresh && old.device === fresh.device) this.#same.add(path)
  }

  #removed(path: string, old: Inode): void {
    if (old.kind !== 'directory') {
      this.#paths.push({ path, change: 'removed', oldBytes: bytesOf(old), newBytes: null })
      return
    }
    const entries = this.#old.entries(old, 'latin1')
    if (entries.size === 0) this.#paths.push({ path, change: 'removed', oldBytes: null, newBytes: null })
    for (const [name, reference] of entries) this.#removed(`${path}/${name}`, this.#old.inode(reference))
  }

  /** The same in everything but content and time. Names that share an inode stay as they are. */
  #looksSame(old: Inode, fresh: Inode): boolean {
    return old.kind === fresh.kind && bytesOf(old) === bytesOf(fresh) && (fresh.links < 2 || fresh.kind === 'directory') && old.mode === fresh.mode
      && (this.#madeBy === 'own' || (this.#old.owner(old.uidIndex) === this.#upper.owner(fresh.uidIndex) && this.#old.owner(old.gidIndex) === this.#upper.owner(fresh.gidIndex)))
      && xattrText(old, this.#oldXattrs) === xattrText(fresh, this.#upperXattrs)
  }

  #isOpaque(folder: Directory): boolean {
    return folder.xattr !== undefined && this.#upperXattrs.set(folder.xattr).some(saysOpaque)
  }

  async #compareContents(): Promise<void> {
    let batch: Candidate[] = []
    let bytes = 0
    const compare = async (): Promise<void> => {
      const [before, after] = [await this.#old.read(batch.map(({ old }) => old)), await this.#upper.read(batch.map(({ fresh }) => fresh))]
      for (const [index, { path }] of batch.entries()) if (before[index]?.equals(after[index] ?? Buffer.alloc(0)) === true) this.#same.add(path)
      batch = []
      bytes = 0
    }
    for (const candidate of this.#candidates) {
      if (candidate.old.sizeBytes > batchBytes) {
        if (await this.#sameContents(candidate)) this.#same.add(candidate.path)
        continue
      }
      if (batch.length > 0 && bytes + candidate.old.sizeBytes > batchBytes) await compare()
      batch.push(candidate)
      bytes += candidate.old.sizeBytes
    }
    if (batch.length > 0) await compare()
  }

  /** Of a large file, stretch by stretch, up to the first that is another. */
  async #sameContents({ old, fresh }: Candidate): Promise<boolean> {
    const stretches = [this.#old, this.#upper].map((squashfs, index) => stretchesOf(index === 0 ? old : fresh, squashfs.superblock.blockSizeBytes, batchBytes))
    for (;;) {
      const [one, other] = stretches.map((all) => all.next())
      if (one === undefined || other === undefined || one.done === true || other.done === true) return one?.done === true && other?.done === true
      // A few bytes can say that there are any number of zeros.
      if (isHole(one.value) && isHole(other.value)) continue
      const [[before], [after]] = [await this.#old.read([one.value]), await this.#upper.read([other.value])]
      if (before === undefined || after === undefined || !before.equals(after)) return false
    }
  }

  /** What is unchanged in a folder, folders last, and whether that is all there is in it. */
  #unchangedIn(path: string, upper: Directory, old: Directory, hidden = false): { unchanged: Difference['unchanged']; empty: boolean } {
    const below = this.#old.entries(old, 'latin1')
    const above = this.#upper.entries(upper, 'latin1')
    const unchanged: Difference['unchanged'] = []
    const opaque = hidden || this.#isOpaque(upper)
    let left = 0
    for (const [name, reference] of above) {
      const child = path === '' ? name : `${path}/${name}`
      const fresh = this.#upper.inode(reference)
      const oldReference = below.get(name)
      const before = oldReference && this.#old.inode(oldReference)
      if (fresh.kind !== 'directory') {
        if (this.#same.has(child)) unchanged.push({ path: Buffer.from(child, 'latin1'), folder: false })
        else left += 1
        continue
      }
      const inside = before?.kind === 'directory' ? this.#unchangedIn(child, fresh, before, opaque) : { unchanged: [], empty: false }
      unchanged.push(...inside.unchanged)
      if (inside.empty && before && this.#looksSame(before, fresh)) unchanged.push({ path: Buffer.from(child, 'latin1'), folder: true })
      else left += 1
    }
    // An opaque folder hides what is below it: there is no showing through, unless of all of it.
    const empty = left === 0 && (!opaque || [...below.keys()].every((name) => above.has(name)))
    return { unchanged: opaque && !empty ? [] : unchanged, empty }
  }
}

function bytesOf(inode: Inode): number {
  return inode.kind === 'file' ? inode.sizeBytes : 0
}

function isHole({ blockList, fragment }: FileInode): boolean {
  return fragment === undefined && blockList.every((byte) => byte === 0)
}

function xattrText({ xattr }: Inode, sets: XattrTable): string {
  return xattr === undefined ? '[]' : JSON.stringify(sets.set(xattr).filter((one) => !isOverlayNote(one)).map(({ namespace, name, value }) => [namespace, name, value]).sort())
}

