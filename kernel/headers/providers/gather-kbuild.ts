import { mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join, posix, relative } from 'node:path'

/**
 * Debian keeps the tree's scripts in /usr/lib/linux-kbuild-*, reached by links. Beside the tree in /usr/src they
 * need no mount point in the read-only build root.
 */
export async function gatherKbuild(usrLib: string, src: string): Promise<void> {
  const names = (await readdir(usrLib).catch(() => [])).filter((name) => name.startsWith('linux-kbuild-'))
  for (const name of names) {
    await rm(join(src, name), { force: true })
    await mkdir(src, { recursive: true })
    await rename(join(usrLib, name), join(src, name))
  }
  for (const tree of await readdir(src).catch(() => [])) {
    for (const entry of await readdir(join(src, tree), { withFileTypes: true })) {
      if (!entry.isSymbolicLink()) continue
      const path = join(src, tree, entry.name)
      const kbuild = /(linux-kbuild-[^/]+)(\/.*)?$/.exec(await readlink(path))
      if (!kbuild?.[1] || !names.includes(kbuild[1])) continue
      await rm(path)
      await symlink(posix.join(relative(dirname(path), src), basename(kbuild[1]), kbuild[2] ?? ''), path)
    }
  }
}
