import { readdir, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Sha256 } from '../../scripts/domain/digest.ts'
import { sha256File, sha256Of } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'

/** A digest over a tree's names and contents, without version control, modes and times. @throws ForgeError E_SOURCE */
export async function treeDigest(dir: string): Promise<Sha256> {
  const lines = await Promise.all((await sourceEntries(dir)).map(async (path) => {
    const link = await readlink(join(dir, path)).catch(() => undefined)
    return `${link === undefined ? await sha256File(join(dir, path)) : `link ${link}`}  ${path}`
  }))
  return sha256Of(lines.join('\n'))
}

/** Relative paths of a tree's files and links, in order; `.git` left out. @throws ForgeError E_SOURCE */
export async function sourceEntries(dir: string): Promise<string[]> {
  let entries
  try {
    entries = await readdir(dir, { recursive: true, withFileTypes: true })
  } catch (error) {
    throw new ForgeError('E_SOURCE', `the source folder ${dir} cannot be read`, { hint: 'correct source.path in the target', cause: error })
  }
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split('/').includes('.git'))
    .sort()
}
