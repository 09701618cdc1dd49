import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Puts what a patch expects into a tree that is not the patch's own: of each file, the lines it touches or looks at, where it looks for them,
 * and empty lines between.
 */
export async function writeUnpatched(patch: string, tree: string): Promise<void> {
  const files = new Map<string, string[]>()
  let lines: string[] = []
  for (const line of (await readFile(patch, 'utf8')).split('\n')) {
    const [, path] = /^--- a\/(\S+)/.exec(line) ?? []
    const [, at] = /^@@ -(\d+)/.exec(line) ?? []
    if (path !== undefined) files.set(path, lines = [])
    else if (at !== undefined) while (lines.length < Number(at) - 1) lines.push('')
    else if (/^[ -]/.test(line) && files.size > 0) lines.push(line.slice(1))
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(tree, path)), { recursive: true })
    await writeFile(join(tree, path), `${text.join('\n')}\n`)
  }
}
