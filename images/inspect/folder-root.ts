import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isErrno } from '../../scripts/lib/errors.ts'
import type { ImageEntry, ImageRoot } from './image.ts'
import { imageRootOver } from './image-root.ts'

/** An unpacked root file system. Its links are followed inside of it, never on the host. */
export function folderRoot(dir: string): ImageRoot {
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
      throw error
    }
  }
  return imageRootOver({
    entry,
    list: async (path) => {
      const entries: ImageEntry[] = []
      for (const name of (await readdir(join(dir, path))).sort()) {
        const found = await entry(join(path, name))
        if (found) entries.push(found)
      }
      return entries
    },
    children: async (path) => {
      const entries = await readdir(join(dir, path), { withFileTypes: true })
      return { folders: entries.filter((item) => item.isDirectory()).map((item) => item.name), files: entries.filter((item) => item.isFile()).map((item) => item.name), entries: entries.length }
    },
    read: async (paths) => {
      const contents: Buffer[] = []
      for (const path of paths) {
        await using file = await open(join(dir, path), 'r')
        contents.push(await file.readFile())
      }
      return contents
    },
  }, dir)
}
