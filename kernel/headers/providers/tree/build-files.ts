import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sha256 } from '../../../../scripts/domain/digest.ts'
import { sha256File, sha256Of } from '../../../../scripts/lib/digest.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'

/** A file or link of the build tree, and which folder it is taken from. */
export interface BuildFile {
  path: string
  from: string
  /** A link's aim. */
  link?: string
}

// What a module needs of a kernel tree: what Kbuild reads of it when it is called with M=. The kernel's keys (certs/) and
// its objects are not among it.
const folders = ['include', 'arch/x86/include', 'scripts']
const single = ['.config', 'Module.symvers', 'Makefile', 'Kbuild', 'arch/x86/Makefile', 'arch/x86/Makefile_32.cpu', 'arch/x86/Makefile.um', 'arch/x86/Makefile.postlink', 'arch/x86/Kbuild', 'arch/x86/module.lds', 'arch/x86/kernel/macros.s', 'tools/objtool/objtool', 'tools/bpf/resolve_btfids/resolve_btfids']
const required = ['.config', 'Module.symvers', 'Makefile', 'include/generated/utsrelease.h', 'include/generated/autoconf.h', 'scripts/mod/modpost']
/** Objects, and the rules that made them, of the tree's own programs. */
const leftOut = /(\.o|\.a|\.cmd|\.d|\.mod|\.mod\.c|\.pyc)$/

/**
 * Everything of a configured and built kernel tree that modules are compiled with, sorted by path. `dir` is where `.config`
 * lies; with `make O=` its `source` link leads to the sources, and what was generated goes before what was not.
 * @throws ForgeError E_KERNEL when it is not such a tree
 */
export async function buildFiles(dir: string): Promise<BuildFile[]> {
  const found = new Map<string, BuildFile>()
  const sources = await readlink(join(dir, 'source')).then(() => join(dir, 'source'), () => undefined)
  for (const from of sources === undefined ? [dir] : [sources, dir]) {
    for (const path of single) {
      // With O= the folder's own Makefile only leads to the sources'.
      if (path === 'Makefile' && from === dir && sources !== undefined) continue
      await add(found, from, path)
    }
    for (const folder of folders) for (const path of await filesBelow(from, folder)) await add(found, from, path)
  }
  const missing = required.filter((path) => !found.has(path))
  if (missing.length > 0) {
    throw new ForgeError('E_KERNEL', `${dir} is not a built kernel tree: it has no ${missing.join(', ')}`, { hint: 'give the folder in which `make` built the kernel; modules need at least a complete `make` with its Module.symvers' })
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** A digest over names, contents and links. */
export async function digestOf(files: readonly BuildFile[]): Promise<Sha256> {
  const lines: string[] = []
  // Some at a time: a tree has more files than a process may have open.
  for (let start = 0; start < files.length; start += 64) {
    lines.push(...await Promise.all(files.slice(start, start + 64).map(async ({ path, from, link }) => `${link === undefined ? await sha256File(join(from, path)) : `link ${link}`}  ${path}`)))
  }
  return sha256Of(lines.join('\n'))
}

async function add(found: Map<string, BuildFile>, from: string, path: string): Promise<void> {
  const info = await lstat(join(from, path)).catch(() => undefined)
  if (info?.isSymbolicLink()) found.set(path, { path, from, link: await readlink(join(from, path)) })
  else if (info?.isFile()) found.set(path, { path, from })
}

async function filesBelow(from: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(from, folder), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory() && !leftOut.test(entry.name)).map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1))
}
