import { randomBytes } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { RemoteFile } from '../domain/remote-file.ts'
import { sha256File } from '../lib/digest.ts'
import { ForgeError, isErrno } from '../lib/errors.ts'
import type { BlobStore } from '../lib/fetch.ts'
import { lockFile, type FileLock } from '../lib/file-lock.ts'
import { removeFolder } from '../lib/user-namespace.ts'

const marker = 'nat64-forge-store.json'
const layoutVersion = 1

/** What is kept beside an artifact's files. */
export interface StoredRecord {
  /** The stage's result. */
  artifact: unknown
  /** What the key was computed from; `explain` compares these. */
  inputs: Readonly<Record<string, string>>
  /** How long it took to make. */
  ms: number
  /** False for a result that must not answer a later run, such as a failed test; kept for its evidence only. */
  reusable?: boolean
}

export interface StoredEntry extends StoredRecord {
  dir: string
}

/**
 * The store: artifacts by key, downloads by digest. An entry appears by one rename, so it is whole or absent;
 * runs at the same time wait for each other per entry; what a killed run left in `work/` is swept by the next.
 */
export class Store implements BlobStore {
  readonly dir: string
  /** This run's scratch folder. */
  readonly workDir: string
  readonly #locks: FileLock[]
  readonly #signal: AbortSignal | undefined

  private constructor(dir: string, workDir: string, locks: FileLock[], signal: AbortSignal | undefined) {
    this.dir = dir
    this.workDir = workDir
    this.#locks = locks
    this.#signal = signal
  }

  /**
   * `signal` ends waiting for another run.
   * @throws ForgeError E_STORE when the folder is not a store and not empty, or cannot be written
   */
  static async open(path: string, signal?: AbortSignal): Promise<Store> {
    const dir = resolve(path)
    await prepare(dir)
    const inUse = await lockFile(join(dir, 'locks/in-use.lock'), { shared: true, signal })
    // Otherwise a sweeping run could take the lock of one that has just made its lock file, and remove it as a leftover.
    await using _arriving = await lockFile(join(dir, 'locks/arriving.lock'), { signal })
    await sweep(join(dir, 'work'))
    const name = `run-${randomBytes(6).toString('hex')}`
    const own = await lockFile(join(dir, 'work', `${name}.lock`))
    const workDir = join(dir, 'work', name)
    await mkdir(workDir)
    return new Store(dir, workDir, [own, inUse], signal)
  }

  /** Removes this run's scratch folder, or, to `keep` it, moves it to where the next run's sweep does not look. Resolves to the kept folder. */
  async close(keep = false): Promise<string | undefined> {
    const kept = keep ? join(this.dir, 'kept', basename(this.workDir)) : undefined
    if (kept === undefined) await removeFolder(this.workDir)
    else {
      await mkdir(dirname(kept), { recursive: true })
      await rename(this.workDir, kept)
    }
    await rm(`${this.workDir}.lock`, { force: true })
    for (const lock of this.#locks) await lock[Symbol.asyncDispose]()
    return kept
  }

  blobPath(digest: string): string {
    return join(this.dir, 'blobs', digest.slice(0, 2), digest)
  }

  /** Read whole: a disk may have lost what was verified when it came. */
  async hasBlob(file: RemoteFile): Promise<boolean> {
    const path = this.blobPath(file.sha256)
    try {
      return (await stat(path)).size === file.sizeBytes && await sha256File(path) === file.sha256
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false
      throw new ForgeError('E_STORE', `the download ${file.fileName} in the store cannot be read`, { hint: `remove ${path} and run again`, cause: error })
    }
  }

  async addBlob(path: string, digest: string): Promise<void> {
    await mkdir(join(this.dir, 'blobs', digest.slice(0, 2)), { recursive: true })
    await rename(path, this.blobPath(digest))
  }

  #entryDir(kind: string, key: string): string {
    return join(this.dir, 'artifacts', kind, key)
  }

  async find(kind: string, key: string): Promise<StoredEntry | undefined> {
    const entry = this.#entryDir(kind, key)
    const recordFile = join(entry, 'record.json')
    try {
      const record = JSON.parse(await readFile(recordFile, 'utf8')) as StoredRecord
      await utimes(recordFile, new Date(), new Date())
      return { ...record, dir: join(entry, 'files') }
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw new ForgeError('E_STORE', `the entry ${kind}/${key.slice(0, 12)} of the store cannot be read`, { hint: `remove ${entry} and run again`, cause: error })
    }
  }

  /**
   * The entry for `key`, made by `build` if it is not there. `build` fills a scratch folder; the folder becomes
   * the entry when `build` returns. When another run makes the same entry, this one waits and takes that.
   */
  async obtain(kind: string, key: string, build: (dir: string) => Promise<StoredRecord>, onWait?: () => void): Promise<StoredEntry & { hit: boolean }> {
    const there = await this.find(kind, key)
    if (there) return { ...there, hit: true }
    await using _lock = await lockFile(join(this.dir, 'locks', `${kind}-${key.slice(0, 32)}.lock`), { onWait, signal: this.#signal })
    const meanwhile = await this.find(kind, key)
    if (meanwhile) return { ...meanwhile, hit: true }

    const scratch = join(this.workDir, `${kind}-${key.slice(0, 8)}`)
    const files = join(scratch, 'files')
    await rm(scratch, { recursive: true, force: true })
    await mkdir(files, { recursive: true })
    const record = await build(files)
    await writeFile(join(scratch, 'record.json'), JSON.stringify(record, null, 1))
    await mkdir(join(this.dir, 'artifacts', kind), { recursive: true })
    const entry = record.reusable === false ? `${this.#entryDir(kind, key)}.${randomBytes(4).toString('hex')}` : this.#entryDir(kind, key)
    await rename(scratch, entry)
    return { ...record, dir: join(entry, 'files'), hit: false }
  }

  /** Small named notes (which key a target's stage had last, a resolved lock). */
  async readNote(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.dir, 'notes', name), 'utf8')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }

  async writeNote(name: string, text: string): Promise<void> {
    const path = join(this.workDir, `note-${randomBytes(4).toString('hex')}`)
    try {
      await writeFile(path, text)
      await rename(path, join(this.dir, 'notes', name))
    } catch (error) {
      throw fromFileSystem(error, this.dir)
    }
  }
}

/** The same error, or E_DISK_FULL and E_OUT when that is what the file system meant. */
export function fromFileSystem(error: unknown, storeDir: string): unknown {
  if (isErrno(error, 'EFBIG')) return new ForgeError('E_OUT', `a file is larger than the disk of ${storeDir} takes`, { hint: 'FAT takes less than 4 GiB: name a folder on another disk', cause: error })
  if (isErrno(error, 'EDQUOT')) return new ForgeError('E_DISK_FULL', `this user's quota on the disk of ${storeDir} is used up`, { hint: 'free space, or give another disk with --store DIR', cause: error })
  if (isErrno(error, 'ENOSPC')) {
    return new ForgeError('E_DISK_FULL', `the disk of ${storeDir} is full`, { hint: 'free space, or give another disk with --store DIR; `nat64-forge store gc --max-size 2G` frees the cache', cause: error })
  }
  return error
}

async function prepare(dir: string): Promise<void> {
  // apt's sources and mmdebstrap's hooks are lines of words, and the store's path is one of the words.
  if (!/^[A-Za-z0-9_./+@~%=-]+$/.test(dir)) {
    throw new ForgeError('E_STORE', `the path of the store, "${dir}", holds a blank or another character that apt and mmdebstrap cannot take`, { hint: 'give a folder whose path has only letters, digits and . _ - + @ ~ with --store DIR' })
  }
  try {
    await makeFolder(dir)
    const names = await readdir(dir)
    if (!names.includes(marker)) {
      // Another run may be doing the same, or have been killed while it did.
      if (!names.every((name) => name === 'lost+found' || name.startsWith(`.${marker}`))) {
        throw new ForgeError('E_STORE', `${dir} is not empty and not a store of nat64-forge`, { hint: 'give an empty or new folder with --store DIR' })
      }
      const draft = join(dir, `.${marker}.${randomBytes(4).toString('hex')}`)
      await writeFile(draft, JSON.stringify({ layoutVersion }))
      await rename(draft, join(dir, marker))
    }
    for (const name of ['blobs', 'artifacts', 'locks', 'work', 'notes']) await mkdir(join(dir, name), { recursive: true })
    const { layoutVersion: found } = JSON.parse(await readFile(join(dir, marker), 'utf8')) as { layoutVersion: number }
    if (found !== layoutVersion) {
      throw new ForgeError('E_STORE', `${dir} has the layout ${String(found)}, this program writes layout ${String(layoutVersion)}`, { hint: 'give another folder with --store DIR' })
    }
  } catch (error) {
    if (error instanceof ForgeError) throw error
    if (isErrno(error, 'ENOSPC')) throw new ForgeError('E_DISK_FULL', `the disk of the store ${dir} is full`, { cause: error })
    throw new ForgeError('E_STORE', `the store ${dir} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { hint: 'give another folder with --store DIR', cause: error })
  }
}

// Not `recursive: true`: below file systems that make no folders (/proc), Node 20 then tries for ever.
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    if (!isErrno(error, 'ENOENT') || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await mkdir(path)
  }
}

/** Removes scratch folders whose run is gone: nobody holds their lock. */
async function sweep(workRoot: string): Promise<void> {
  const names = await readdir(workRoot)
  for (const lockName of names.filter((name) => name.endsWith('.lock'))) {
    const path = join(workRoot, lockName)
    const lock = await lockFile(path, { wait: false })
    if (!lock.held) continue
    await removeFolder(path.replace(/\.lock$/, ''))
    await rm(path, { force: true })
    await lock[Symbol.asyncDispose]()
  }
  for (const name of names.filter((entry) => !entry.endsWith('.lock'))) {
    try {
      await access(join(workRoot, `${name}.lock`))
    } catch {
      await removeFolder(join(workRoot, name))
    }
  }
}

export async function isStore(dir: string): Promise<boolean> {
  return access(join(dir, marker)).then(() => true, () => false)
}

export interface StoreUsage {
  entries: { path: string; sizeBytes: number; usedAt: number }[]
  totalBytes: number
}

/** Everything that `gc` may remove, least recently used first. */
export async function storeUsage(dir: string): Promise<StoreUsage> {
  const entries: StoreUsage['entries'] = []
  for (const kind of await names(join(dir, 'artifacts'))) {
    for (const key of await names(join(dir, 'artifacts', kind))) {
      const path = join(dir, 'artifacts', kind, key)
      const record = await stat(join(path, 'record.json')).catch(() => undefined)
      entries.push({ path, sizeBytes: await treeSize(path), usedAt: record?.mtimeMs ?? 0 })
    }
  }
  for (const name of await names(join(dir, 'kept'))) {
    const path = join(dir, 'kept', name)
    entries.push({ path, sizeBytes: await treeSize(path), usedAt: (await stat(path)).mtimeMs })
  }
  for (const prefix of await names(join(dir, 'blobs'))) {
    for (const digest of await names(join(dir, 'blobs', prefix))) {
      const path = join(dir, 'blobs', prefix, digest)
      const { size, atimeMs, mtimeMs } = await stat(path)
      entries.push({ path, sizeBytes: size, usedAt: Math.max(atimeMs, mtimeMs) })
    }
  }
  entries.sort((a, b) => a.usedAt - b.usedAt)
  return { entries, totalBytes: entries.reduce((sum, entry) => sum + entry.sizeBytes, 0) }
}

/**
 * Removes the least recently used entries until the store is at most `maxBytes`.
 * @throws ForgeError E_STORE while a build uses the store
 */
export async function collectGarbage(dir: string, maxBytes: number): Promise<{ removed: number; freedBytes: number; totalBytes: number }> {
  await prepare(dir)
  await using lock = await lockFile(join(dir, 'locks/in-use.lock'), { wait: false })
  if (!lock.held) throw new ForgeError('E_STORE', `a build uses the store ${dir}`, { hint: 'run gc again when the build has ended' })
  await sweep(join(dir, 'work'))
  let { entries, totalBytes } = await storeUsage(dir)
  let removed = 0
  let freedBytes = 0
  while (totalBytes > maxBytes && entries.length > 0) {
    const [oldest, ...rest] = entries
    if (!oldest) break
    await removeFolder(oldest.path)
    entries = rest
    totalBytes -= oldest.sizeBytes
    freedBytes += oldest.sizeBytes
    removed += 1
  }
  return { removed, freedBytes, totalBytes }
}

async function names(dir: string): Promise<string[]> {
  return readdir(dir).catch(() => [])
}

async function treeSize(path: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    sum += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size
  }
  return sum
}
