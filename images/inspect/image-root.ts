import { ForgeError } from '../../scripts/lib/errors.ts'
import type { ImageEntry, ImageRoot } from './image.ts'

/** What a kind of image must be able to do; links are none of its business. Paths are plain: no link, no `..`, no slash in front. */
export interface PlainTree {
  /** The entry itself, a link as a link. */
  entry: (path: string) => Promise<ImageEntry | undefined>
  /** Of a path that is a folder. */
  list: (path: string) => Promise<ImageEntry[]>
  /** Of a path that is a folder: its folders and its files, by name, and how many entries of all kinds it has. */
  children: (path: string) => Promise<{ folders: string[]; files: string[]; entries: number }>
  /** Of paths that are files. */
  read: (paths: readonly string[]) => Promise<Buffer[]>
}

/** A router's modules lie ten folders deep, and are five thousand. */
const maxDepth = 32
const maxEntries = 200_000
const defaultMaxBytes = 64 * 1048576
/** Of all files that are read at once: a few bytes of an image can stand for any number of zeros. */
const maxTotalBytes = 256 * 1048576
/** As the kernel has it. */
const maxLinks = 40

/** A root over a plain tree: links are followed, and lead nowhere but inside. */
export function imageRootOver(tree: PlainTree, name: string): ImageRoot {
  const find = async (path: string): Promise<{ path: string; entry: ImageEntry } | undefined> => {
    const todo = path.split('/').reverse()
    const done: string[] = []
    let found: ImageEntry = { name: '/', kind: 'directory', sizeBytes: 0 }
    let links = 0
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === '' || part === '.') continue
      if (part === '..') {
        // The root's parent is the root.
        done.pop()
        found = { name: done.at(-1) ?? '/', kind: 'directory', sizeBytes: 0 }
        continue
      }
      if (found.kind !== 'directory') return undefined
      const entry = await tree.entry([...done, part].join('/'))
      if (!entry) return undefined
      if (entry.kind === 'symlink') {
        links += 1
        if (links > maxLinks || entry.target === undefined) return undefined
        if (entry.target.startsWith('/')) done.length = 0
        todo.push(...entry.target.split('/').reverse())
        found = { name: done.at(-1) ?? '/', kind: 'directory', sizeBytes: 0 }
        continue
      }
      done.push(part)
      found = entry
    }
    return { path: done.join('/'), entry: found }
  }
  const readFiles: ImageRoot['readFiles'] = async (paths, { maxBytes = defaultMaxBytes } = {}) => {
    const found = await Promise.all(paths.map(find))
    const files = found.map((item, index) => {
      if (item?.entry.kind !== 'file') return undefined
      if (item.entry.sizeBytes > maxBytes) throw new ForgeError('E_IMAGE', `${name}: ${paths[index] ?? ''} has ${String(item.entry.sizeBytes)} bytes, more than the ${String(maxBytes)} that are plausible`, { hint: 'the image is not a router\'s, or is damaged' })
      return item.path
    })
    const plain = [...new Set(files.filter((path) => path !== undefined))]
    const sizes = new Map(found.flatMap((item) => item ? [[item.path, item.entry.sizeBytes] as const] : []))
    const total = plain.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0)
    if (total > maxTotalBytes) throw new ForgeError('E_IMAGE', `${name}: ${paths[0] ?? ''} and ${String(plain.length - 1)} more files have ${String(total)} bytes, more than the ${String(maxTotalBytes)} that are plausible`, { hint: 'the image is not a router\'s, or is made to do harm' })
    const contents = new Map<string, Buffer>()
    for (const [index, bytes] of (await tree.read(plain)).entries()) contents.set(plain[index] ?? '', bytes)
    return files.map((path) => path === undefined ? undefined : contents.get(path))
  }
  return {
    stat: async (path) => (await find(path))?.entry,
    list: async (dir) => {
      const found = await find(dir)
      return found?.entry.kind === 'directory' ? tree.list(found.path) : undefined
    },
    filesBelow: async (dir) => {
      const found = await find(dir)
      const files: string[] = []
      let seen = 0
      const walk = async (path: string, shown: string, depth: number): Promise<void> => {
        const children = await tree.children(path)
        seen += children.entries
        // A folder that contains itself twice has more paths than there is time.
        if (depth > maxDepth || seen > maxEntries) throw new ForgeError('E_IMAGE', `${name}: ${dir === '' ? 'its root' : dir} has ${depth > maxDepth ? `folders more than ${String(maxDepth)} deep` : `more than ${String(maxEntries)} entries`}`, { hint: 'the image is damaged or made to do harm' })
        for (const file of children.files) files.push(`${shown}/${file}`)
        for (const folder of children.folders) await walk(`${path}/${folder}`, `${shown}/${folder}`, depth + 1)
      }
      if (found?.entry.kind === 'directory') await walk(found.path, dir, 0)
      return files.sort()
    },
    readFile: async (path, options) => (await readFiles([path], options))[0],
    readFiles,
  }
}
