import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Argv, Exec } from '../../lib/exec.ts'

const filesAFolder = 100
const time = 1_600_000_000
const contentBytes = 10

/**
 * Packs an image with so many small files, and a difference to it that changes, removes and adds one file in a hundred. The files
 * are only in mksquashfs's list, never on the disk.
 */
export async function packManyFiles(count: number, compressor: string, dir: string, exec: Exec): Promise<{ old: string; difference: string }> {
  const [old, difference] = [join(dir, `old-${String(count)}.squashfs`), join(dir, `difference-${String(count)}.squashfs`)]
  const folder = (index: number): string => `usr/share/part-${String(Math.floor(index / filesAFolder / 100))}/folder-${String(Math.floor(index / filesAFolder))}`
  const name = (index: number): string => `${folder(index)}/a-file-of-some-kind-${String(index)}`
  const all = Array.from({ length: count }, (_, index) => index)
  const some = all.filter((index) => index % filesAFolder === 7)
  await pack(old, all.map((index) => ({ name: name(index), file: true })), { compressor, dir, exec })
  await pack(difference, some.flatMap((index) => [{ name: name(index), file: true }, { name: name(index + 1), file: false }, { name: `${folder(index)}/new`, file: true }]), { compressor, dir, exec })
  return { old, difference }
}

/** `file: false` is a whiteout. */
async function pack(image: string, entries: readonly { name: string; file: boolean }[], { compressor, dir, exec }: { compressor: string; dir: string; exec: Exec }): Promise<void> {
  const list = join(dir, 'list')
  const folders = new Set<string>()
  const lines = [`/ D ${String(time)} 755 0 0`]
  const contents: string[] = []
  for (const { name, file } of entries) {
    const parts = name.split('/')
    for (let depth = 1; depth < parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join('/')
      if (!folders.has(folder)) lines.push(`${folder} D ${String(time)} 755 0 0`)
      folders.add(folder)
    }
    lines.push(file ? `${name} R ${String(time)} 644 0 0 ${String(contentBytes)} ${String(contents.length * contentBytes)}` : `${name} C ${String(time)} 600 0 0 0 0`)
    if (file) contents.push(String(contents.length).padStart(contentBytes, '0'))
  }
  {
    await using file = await open(list, 'w')
    await file.writeFile(`${lines.join('\n')}\n#\n# START OF DATA - DO NOT MODIFY\n#\n${contents.join('')}`)
  }
  const argv: Argv = ['mksquashfs', '-', image, '-pf', list, '-comp', compressor, '-b', '256K', '-no-duplicates', '-noappend', '-no-progress', '-quiet']
  await exec(argv, { doing: 'pack many files' })
}
