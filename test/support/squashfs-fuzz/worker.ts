import { openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { bytesAsSource } from '../../../scripts/formats/byte-source.ts'
import { graft } from '../../../scripts/formats/squashfs/graft.ts'
import type { FileInode } from '../../../scripts/formats/squashfs/inode.ts'
import { openSquashfs, type Squashfs } from '../../../scripts/formats/squashfs/squashfs.ts'
import { walk } from '../../../scripts/formats/squashfs/tree.ts'
import { createExec } from '../../../scripts/lib/exec.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { silentLog } from '../../../scripts/lib/log.ts'
import { randomNumbers } from '../random-tree.ts'
import { mutated } from './mutate.ts'
import type { FuzzJob, FuzzReport } from './run.ts'

// Reads mutated images, one after the other, as the last argument says; the number of the one at hand is in a file, for whoever has to end this process.

const job = JSON.parse(process.argv[2] ?? '{}') as FuzzJob
const deps = { exec: createExec({ log: silentLog }), workDir: job.workDir }
const progress = openSync(join(job.workDir, 'progress'), 'w')
const files = job.images.map(({ path, difference, ...rest }) => ({ ...rest, bytes: readFileSync(path), difference: readFileSync(difference) }))
/** The images' tables are a few kilobytes. */
const maxNames = 1000
const known = ['E_SQUASHFS', 'E_SQUASHFS_COMPRESSOR', 'E_IMAGE_TRUNCATED', 'E_OVERLAY']

const report: FuzzReport = { cases: 0, refused: 0, grafted: 0, errors: {}, slowestMs: 0, peakMb: 0 }
for (let seed = job.from; seed < job.to; seed += 1) {
  writeSync(progress, String(seed).padEnd(12), 0)
  const started = performance.now()
  await tryOne(seed)
  report.cases += 1
  report.slowestMs = Math.max(report.slowestMs, Math.round(performance.now() - started))
}
report.peakMb = Math.round(process.resourceUsage().maxRSS / 1000)
process.stdout.write(JSON.stringify(report))

async function tryOne(seed: number): Promise<void> {
  const { below, chance } = randomNumbers(seed)
  const cheap = files.filter(({ programs }) => !programs)
  const file = chance(0.005) ? files[below(files.length)] : cheap[below(cheap.length)]
  if (!file) throw new Error('there is no image')
  const upper = chance(0.3)
  const bytes = mutated(upper ? file.difference : file.bytes, seed)
  try {
    const squashfs = await openSquashfs(bytesAsSource(bytes, 'x'), deps)
    await readAll(job.without === 'guard' ? unguarded(squashfs) : squashfs)
    if (!file.graftable && !chance(0.01)) return
    const [old, difference] = upper ? [file.bytes, bytes] : [bytes, file.difference]
    const { parts, sizeBytes } = await graft(bytesAsSource(old, 'old'), bytesAsSource(difference, 'difference'), deps)
    // What could be read and grafted can be read again.
    const pieces: Buffer[] = []
    for (const part of parts) pieces.push(await part.read(0, part.sizeBytes))
    const made = Buffer.concat(pieces)
    if (made.length !== sizeBytes) throw new Error(`the graft has ${String(made.length)} bytes instead of ${String(sizeBytes)}`)
    await readAll(await openSquashfs(bytesAsSource(made, 'graft'), deps)).catch((error: unknown) => { throw new Error('the graft of images that can be read cannot be read', { cause: error }) })
    report.grafted += 1
  } catch (error) {
    if (!(error instanceof ForgeError) || !known.includes(error.code)) throw new Error(`seed ${String(seed)} of ${file.name}`, { cause: error })
    report.refused += 1
    const shape = error.message.replace(/\d+/g, '#').replace(/"[^"]*"/g, '"…"').slice(0, 120)
    report.errors[shape] = (report.errors[shape] ?? 0) + 1
  }
}

/** Tree, attributes, exports, and of files what a person would look at. */
async function readAll(squashfs: Squashfs): Promise<void> {
  const xattrs = await squashfs.xattrs()
  await squashfs.exports()
  const some: FileInode[] = []
  let names = 0
  for (const { inode } of walk(squashfs)) {
    names += 1
    // A name takes nine bytes at least, and the table is in memory.
    if (names > maxNames) throw new Error(`a tree of more than ${String(maxNames)} names came out of a small image`)
    if (inode.xattr !== undefined) xattrs.set(inode.xattr)
    squashfs.owner(inode.uidIndex)
    if (inode.kind === 'file' && inode.sizeBytes < 1 << 20 && some.length < 40) some.push(inode)
  }
  await squashfs.read(some)
}

/** A defect, planted: as if nobody counted the folders that were entered. */
function unguarded(squashfs: Squashfs): Squashfs {
  let place = 0
  return { ...squashfs, listingBytes: Infinity, superblock: { ...squashfs.superblock, inodes: Infinity }, placeOf: () => place += 1 }
}
