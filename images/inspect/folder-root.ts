import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { ImageEntry, ImageRoot } from './image.ts'
import { imageRootOver } from './image-root.ts'

/** What Node puts where bytes of a name are not UTF-8; no system call takes such a name. */
const notUtf8 = '\ufffd'

/**
 * An unpacked root file system. Its links are followed inside of it, never on the host. Entries whose names are not UTF-8 count as
 * not there: nothing that is looked for is named so.
 * @throws ForgeError E_IMAGE, from what it returns, for folders and files that this user may not read
 */
export function folderRoot(dir: string): ImageRoot {
  const unreadable = (path: string) => (cause: unknown): never => {
    throw new ForgeError('E_IMAGE', `${join(dir, path)} cannot be read${isErrno(cause, 'EACCES') || isErrno(cause, 'EPERM') ? ': this user may not' : `: ${cause instanceof Error ? cause.message : String(cause)}`}`, { hint: 'run as the user who unpacked the root, or give the squashfs that it came from', cause })
  }
  const entry = async (path: string): Promise<ImageEntry | undefined> => {
    const full = join(dir, path)
    try {
      const found = await lstat(full)
      const name = basename(path)
      if (found.isSymbolicLink()) return { name, kind: 'symlink', sizeBytes: 0, target: await readlink(full) }
      if (found.isDirectory()) return { name, kind: 'directory', sizeBytes: 0 }
      return found.isFile() ? { name, kind: 'file', sizeBytes: found.size } : { name, kind: 'other', sizeBytes: 0 }
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
      return unreadable(path)(error)
    }
  }
  return imageRootOver({
    entry,
    list: async (path) => {
      const entries: ImageEntry[] = []
      for (const name of (await readdir(join(dir, path)).catch(unreadable(path))).sort()) {
        const found = await entry(join(path, name))
        if (found) entries.push(found)
      }
      return entries
    },
    children: async (path) => {
      const entries = (await readdir(join(dir, path), { withFileTypes: true }).catch(unreadable(path))).filter((item) => !item.name.includes(notUtf8))
      return { folders: entries.filter((item) => item.isDirectory()).map((item) => item.name), files: entries.filter((item) => item.isFile()).map((item) => item.name), entries: entries.length }
    },
    read: async (paths) => {
      const contents: Buffer[] = []
      for (const path of paths) {
        await using file = await open(join(dir, path), 'r').catch(unreadable(path))
        contents.push(await file.readFile())
      }
      return contents
    },
  }, dir)
}
