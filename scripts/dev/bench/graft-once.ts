import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { openByteSource } from '../../formats/byte-source.ts'
import { graft } from '../../formats/squashfs/graft.ts'
import { openSquashfs } from '../../formats/squashfs/squashfs.ts'
import { walk } from '../../formats/squashfs/tree.ts'
import { createExec } from '../../lib/exec.ts'
import { silentLog } from '../../lib/log.ts'

// A process of its own for what is measured: `walk IMAGE` goes through a tree, `graft OLD DIFFERENCE NEW` grafts and writes, down to
// the disk. Prints its seconds, without those of starting Node, and how many inodes there were.

const chunkBytes = 4 * 1048576
const [what, first = '', second = '', output = ''] = process.argv.slice(2)
const deps = { exec: createExec({ log: silentLog }), workDir: tmpdir() }
const started = performance.now()
let inodes = 0
await using old = await openByteSource(first)
if (what === 'walk') {
  const squashfs = await openSquashfs(old, deps)
  const xattrs = await squashfs.xattrs()
  for (const { inode } of walk(squashfs)) {
    inodes += 1
    if (inode.xattr !== undefined) xattrs.set(inode.xattr)
  }
} else {
  await using difference = await openByteSource(second)
  const made = await graft(old, difference, deps)
  inodes = made.inodes
  await using file = await open(output, 'w')
  const buffer = Buffer.allocUnsafe(chunkBytes)
  for (const part of made.parts) {
    for (let at = 0; at < part.sizeBytes; at += chunkBytes) await file.writeFile(await part.read(at, Math.min(chunkBytes, part.sizeBytes - at), buffer))
  }
  await file.sync()
}
process.stdout.write(JSON.stringify({ seconds: (performance.now() - started) / 1000, inodes }))
