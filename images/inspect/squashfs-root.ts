import type { DirectoryInode, FileInode, Inode } from '../../scripts/formats/squashfs/inode.ts'
import { MergedTree, type MergedEntry } from '../../scripts/formats/squashfs/merged-tree.ts'
import type { Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import type { ImageEntry, ImageRoot } from './image.ts'
import { imageRootOver } from './image-root.ts'

/** The root file system inside a squashfs. */
export function squashfsRoot(squashfs: Squashfs, name: string): ImageRoot {
  const folders = new Map<DirectoryInode, ReturnType<Squashfs['entries']>>()
  const inodes = new Map<string, Inode>([['', squashfs.root]])
  const entriesOf = (directory: DirectoryInode): ReturnType<Squashfs['entries']> => {
    const entries = folders.get(directory) ?? squashfs.entries(directory)
    folders.set(directory, entries)
    return entries
  }
  const inodeAt = (path: string): Inode | undefined => {
    const known = inodes.get(path)
    if (known) return known
    const slash = path.lastIndexOf('/')
    const parent = inodeAt(slash < 0 ? '' : path.slice(0, slash))
    const reference = parent?.kind === 'directory' ? entriesOf(parent).get(path.slice(slash + 1)) : undefined
    if (!reference) return undefined
    const inode = squashfs.inode(reference)
    if (inode.kind === 'directory') inodes.set(path, inode)
    return inode
  }
  return imageRootOver({
    entry: (path) => {
      const inode = inodeAt(path)
      return Promise.resolve(inode && entryOf(inode, path.slice(path.lastIndexOf('/') + 1)))
    },
    list: (path) => {
      const inode = inodeAt(path)
      if (inode?.kind !== 'directory') return Promise.resolve([])
      return Promise.resolve([...entriesOf(inode)].map(([child, reference]) => entryOf(squashfs.inode(reference), child)))
    },
    children: (path) => {
      const inode = inodeAt(path)
      const children = inode?.kind === 'directory' ? [...entriesOf(inode)] : []
      return Promise.resolve({ folders: children.filter(([, { type }]) => type === 1).map(([child]) => child), files: children.filter(([, { type }]) => type === 2).map(([child]) => child), entries: children.length })
    },
    read: (paths) => squashfs.read(paths.map(inodeAt).filter((inode): inode is FileInode => inode?.kind === 'file')),
  }, name)
}

/** The root that is seen when another squashfs is stacked on one, as overlayfs shows it. */
export async function layeredRoot(lower: Squashfs, upper: Squashfs, name: string): Promise<ImageRoot> {
  const tree = new MergedTree({ squashfs: lower, xattrs: await lower.xattrs() }, { squashfs: upper, xattrs: await upper.xattrs() })
  const folders = new Map<string, Map<string, MergedEntry>>()
  const entriesOf = (path: string): Map<string, MergedEntry> => {
    const known = folders.get(path)
    if (known) return known
    const found = entryAt(path)
    const entries = new Map(found?.folder ? [...tree.entries(found.folder)].map((entry) => [Buffer.from(entry.name, 'latin1').toString('utf8'), entry]) : [])
    folders.set(path, entries)
    return entries
  }
  const entryAt = (path: string): MergedEntry | undefined => {
    if (path === '') return tree.root
    const slash = path.lastIndexOf('/')
    return entriesOf(slash < 0 ? '' : path.slice(0, slash)).get(path.slice(slash + 1))
  }
  return imageRootOver({
    entry: (path) => {
      const found = entryAt(path)
      return Promise.resolve(found && entryOf(inodeOf(found), path.slice(path.lastIndexOf('/') + 1)))
    },
    list: (path) => Promise.resolve([...entriesOf(path)].map(([child, entry]) => entryOf(inodeOf(entry), child))),
    children: (path) => {
      const children = [...entriesOf(path)]
      return Promise.resolve({ folders: children.filter(([, { folder }]) => folder).map(([child]) => child), files: children.filter(([, entry]) => inodeOf(entry).kind === 'file').map(([child]) => child), entries: children.length })
    },
    read: async (paths) => {
      const contents: Buffer[] = []
      for (const path of paths) {
        const found = entryAt(path)
        const layer = found?.layer.squashfs
        const inode = found && inodeOf(found)
        if (layer && inode?.kind === 'file') contents.push(...await layer.read([inode]))
      }
      return contents
    },
  }, name)
}

function inodeOf(entry: MergedEntry): Inode {
  return entry.folder ? entry.inode : entry.layer.squashfs.inode(entry.entry)
}

function entryOf(inode: Inode, name: string): ImageEntry {
  switch (inode.kind) {
    case 'file': return { name, kind: 'file', sizeBytes: inode.sizeBytes }
    case 'directory': return { name, kind: 'directory', sizeBytes: 0 }
    case 'symlink': return { name, kind: 'symlink', sizeBytes: 0, target: inode.target }
    default: return { name, kind: 'other', sizeBytes: 0 }
  }
}
