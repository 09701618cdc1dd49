import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openByteSource, type ByteSource, type OpenFile } from '../../scripts/formats/byte-source.ts'
import { looksLikeIso, readIso9660, type Iso9660, type IsoEntry } from '../../scripts/formats/iso9660.ts'
import { openSquashfs, type Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { looksLikeSquashfs } from '../../scripts/formats/squashfs/superblock.ts'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { folderRoot } from './folder-root.ts'
import type { ImageRoot } from './image.ts'
import { layeredRoot, squashfsRoot } from './squashfs-root.ts'

/** A router image, open for reading: an ISO with a squashfs, a squashfs, or an unpacked root. Dispose of it after use. */
export interface RouterImage extends AsyncDisposable {
  path: string
  kind: 'iso' | 'squashfs' | 'folder'
  /** Of the file; undefined for a folder. */
  sizeBytes: number | undefined
  /** The root file system; opened when first asked for. @throws ForgeError E_SQUASHFS, E_SQUASHFS_COMPRESSOR, E_IMAGE_TRUNCATED */
  root: () => Promise<ImageRoot>
  /** The ISO around it. */
  iso: OpenIso | undefined
  squashfs: () => Promise<Squashfs | undefined>
  /** For programs that help with reading. */
  deps: { exec: Exec; workDir: string }
}

export interface OpenIso extends Iso9660 {
  file9660: (path: string) => Promise<Buffer | undefined>
  source: OpenFile
  /** The one squashfs on it. */
  squashfsEntry: IsoEntry
  /** What an injection put beside it, to be stacked on top. */
  layerEntry: IsoEntry | undefined
}

/** live-boot stacks every squashfs in its folder, in the order of their names: this is the last one. */
const layerName = 'zz-nat64-forge.squashfs'

/**
 * Opens an image by what it is, not by its name. Nothing is mounted, root's rights are not needed, and of a large image
 * only what is asked for is read.
 * @throws ForgeError E_IMAGE, E_IMAGE_TRUNCATED, E_IMAGE_NO_ROOT, E_IMAGE_MANY_ROOTS, E_ISO_DAMAGED
 */
export async function openRouterImage(path: string, { exec, workDir = tmpdir() }: { exec: Exec; workDir?: string }): Promise<RouterImage> {
  if (await isFolder(path)) {
    const root = folderRoot(path)
    if (await root.list('etc') === undefined) throw new ForgeError('E_IMAGE', `${path} is a folder without \`etc\`, so it is no root file system`, { hint: 'give the folder into which the squashfs was unpacked' })
    return withWorkDir(exec, workDir, (deps) => Promise.resolve({ path, kind: 'folder', sizeBytes: undefined, root: () => Promise.resolve(root), iso: undefined, squashfs: () => Promise.resolve(undefined), deps }), [])
  }
  const source = await openByteSource(path).catch((cause: unknown) => { throw new ForgeError('E_IMAGE', `${path} cannot be read`, { hint: 'check the path and its permissions', cause }) })
  try {
    return await withWorkDir(exec, workDir, async (deps) => {
      if (await looksLikeSquashfs(source)) return { path, kind: 'squashfs', sizeBytes: source.sizeBytes, iso: undefined, deps, ...lazily(source, deps) }
      if (await looksLikeIso(source)) {
        const iso = await readIso9660(source)
        const squashfsEntry = onlySquashfs(iso, path)
        const layerEntry = iso.file(layerBeside(squashfsEntry))
        return { path, kind: 'iso', sizeBytes: source.sizeBytes, iso: { ...iso, source, squashfsEntry, layerEntry, file9660: fileReader(iso) }, deps, ...lazily(iso.open(squashfsEntry), deps, layerEntry && iso.open(layerEntry)) }
      }
      throw new ForgeError('E_IMAGE', `${path} is neither an ISO nor a squashfs`, { hint: 'give a router\'s live ISO, the squashfs in it, or an unpacked root' })
    }, [source])
  } catch (error) {
    await source[Symbol.asyncDispose]()
    throw error
  }
}

/** Says what helps whoever wants to change an ISO, not only to read it: a root that was taken out is none. For `catch`. */
export function toChange(error: unknown): never {
  if (!(error instanceof ForgeError) || error.code !== 'E_IMAGE_MANY_ROOTS') throw error
  throw new ForgeError(error.code, error.message, {
    hint: 'packages can be put into an ISO with one squashfs only. Where all of the router\'s root is in one of them, make an ISO without the others, and give that: xorriso -indev OLD.iso -outdev ONE.iso -boot_image any replay -rm /PATH/OF/OTHER.squashfs -- -commit',
    cause: error,
  })
}

async function isFolder(path: string): Promise<boolean> {
  try {
    const found = await stat(path)
    if (found.isBlockDevice()) throw new ForgeError('E_IMAGE', `${path} is a device`, { hint: `copy what is on it to a file first: dd if=${path} of=router.iso bs=1M` })
    if (!found.isDirectory() && !found.isFile()) throw new ForgeError('E_IMAGE', `${path} is neither a file nor a folder`, { hint: 'give the path of an ISO' })
    return found.isDirectory()
  } catch (error) {
    if (error instanceof ForgeError) throw error
    throw new ForgeError('E_IMAGE', `${path} cannot be read${isErrno(error, 'ENOENT') ? ': there is no such file' : ''}`, { hint: 'check the path and its permissions', cause: error })
  }
}

/** Where an injection's layer lies, for a root file system at this path. */
export function layerBeside({ path }: { path: string }): string {
  return path.replace(/[^/]*$/, layerName)
}

/** The squashfs is opened once, when something in it is asked for; the root is what is seen with a layer on top. */
function lazily(source: ByteSource, deps: RouterImage['deps'], layer?: ByteSource): Pick<RouterImage, 'root' | 'squashfs'> {
  let squashfs: Promise<Squashfs> | undefined
  let root: Promise<ImageRoot> | undefined
  const open = (): Promise<Squashfs> => squashfs ??= openSquashfs(source, deps)
  const rootOf = async (): Promise<ImageRoot> => layer === undefined ? squashfsRoot(await open(), source.name) : await layeredRoot(await open(), await openSquashfs(layer, deps), source.name)
  return { squashfs: open, root: () => root ??= rootOf() }
}

function onlySquashfs(iso: Iso9660, path: string): IsoEntry {
  // A link to one has no bytes of its own.
  const found = iso.entries.filter((entry) => !entry.directory && entry.sizeBytes > 0 && /\.(squashfs|sfs)$/i.test(entry.path) && !entry.path.endsWith(`/${layerName}`))
  // Where live-boot looks first.
  const first = found.find((entry) => entry.path === 'live/filesystem.squashfs') ?? found[0]
  if (!first) throw new ForgeError('E_IMAGE_NO_ROOT', `${path} is an ISO without a squashfs: none of its ${String(iso.entries.length)} files is one`, { hint: 'a live ISO has live/filesystem.squashfs; give such a one, or the unpacked root' })
  if (found.length > 1) {
    throw new ForgeError('E_IMAGE_MANY_ROOTS', `${path} has ${String(found.length)} squashfs files: ${found.map((entry) => entry.path).join(', ')}`, {
      hint: `take the router's root out and give that file: xorriso -osirrox on -indev ${shellWord(path)} -extract ${shellWord(`/${first.path}`)} root.squashfs`,
    })
  }
  return first
}

/** A word that can be pasted into a shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll('\'', '\'\\\'\'')}'`
}

const maxIsoFileBytes = 64 * 1048576

function fileReader(iso: Iso9660): OpenIso['file9660'] {
  return async (path) => {
    const entry = iso.file(path)
    if (!entry) return undefined
    if (entry.sizeBytes > maxIsoFileBytes) throw new ForgeError('E_IMAGE', `${path} on the ISO has ${String(entry.sizeBytes)} bytes, more than is plausible`, { hint: 'the ISO is not a router\'s, or is damaged' })
    return iso.open(entry).read(0, entry.sizeBytes)
  }
}

async function withWorkDir(exec: Exec, parent: string, make: (deps: RouterImage['deps']) => Promise<Omit<RouterImage, typeof Symbol.asyncDispose>>, open: readonly AsyncDisposable[]): Promise<RouterImage> {
  const workDir = await mkdtemp(join(parent, 'nat64-forge-inspect-'))
  try {
    return {
      ...await make({ exec, workDir }),
      [Symbol.asyncDispose]: async () => {
        await rm(workDir, { recursive: true, force: true })
        for (const item of open) await item[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await rm(workDir, { recursive: true, force: true })
    throw error
  }
}
