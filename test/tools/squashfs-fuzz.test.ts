import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { compressors } from '../../scripts/formats/squashfs/superblock.ts'
import { fuzz, type FuzzImage, type FuzzReport } from '../support/squashfs-fuzz/run.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools('mksquashfs', 'xz', 'zstd', '/usr/bin/python3') && process.getuid?.() === 0
const cases = process.env['NAT64_FORGE_FULL'] === '1' ? 200_000 : 2000
const casesAProcess = process.env['NAT64_FORGE_FULL'] === '1' ? 10_000 : 1000

/** A tree of every kind of file, small, and a difference to it. */
const trees = [
  'set -e', 'mkdir -p old/etc/deep/er old/many old/empty new/etc/deep new/many',
  'for i in $(seq 30); do echo $i > old/many/name-$i; done', 'head -c 9000 /dev/zero | tr "\\\\0" x > old/text', 'python3 -c \'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(6000))\' > old/random',
  'truncate -s 20000 old/sparse', 'ln old/text old/hard', 'ln -s etc/deep old/link', 'mkfifo old/pipe', 'mknod old/null c 1 3', 'mknod old/disk b 8 1', 'echo deep > old/etc/deep/er/file',
  'chown 1000:70000 old/text', 'chmod 4755 old/random',
  'python3 -c \'import os; os.setxattr("old/text", "user.a", b"short"); os.setxattr("old/etc", "user.long", b"v" * 400); os.setxattr("old/random", "user.long", b"v" * 400); os.setxattr("old/random", "security.ima", b"x" * 20)\'',
  'mknod new/many/name-3 c 0 0', 'mkdir new/empty; echo new > new/empty/file', 'echo more > new/etc/deep/file', 'ln new/etc/deep/file new/again', 'python3 -c \'import random, sys; sys.stdout.buffer.write(random.Random(2).randbytes(5000))\' > new/fresh',
  'python3 -c \'import os; os.setxattr("new/etc", "trusted.overlay.opaque", b"y"); os.setxattr("new/fresh", "user.b", b"new")\'',
  'find old new -exec touch --no-dereference --date=@1600000000 {} +',
]
const stored = ['-noI', '-noX', '-noId']

describe.skipIf(!tools)('mutated images', () => {
  const images: FuzzImage[] = []
  let dir = ''

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    const pack = async (name: string, compressor: string, options: readonly string[], programs: boolean, graftable: boolean): Promise<void> => {
      for (const [tree, image] of [['old', `${name}.old`], ['new', `${name}.new`]] as const) await exec(['mksquashfs', tree, image, '-comp', compressor, '-b', '4K', '-noappend', '-no-progress', '-quiet', '-nopad', '-mkfs-time', '1600000000', ...options], { cwd: dir })
      images.push({ name, path: join(dir, `${name}.old`), difference: join(dir, `${name}.new`), programs, graftable })
    }
    await writeFile(join(dir, 'make.sh'), trees.join('\n'))
    await exec(['bash', 'make.sh'], { cwd: dir })
    for (const compressor of compressors) {
      const programs = ['xz', 'zstd', 'lzma'].includes(compressor)
      // xz and zstd pack the tables of a graft, lzma does not.
      await pack(`${compressor}-stored`, compressor, programs ? [...stored, '-noD', '-noF'] : stored, false, !['xz', 'zstd'].includes(compressor))
      await pack(`${compressor}-packed`, compressor, [], programs, !['xz', 'zstd'].includes(compressor))
    }
    await pack('no-fragments', 'gzip', [...stored, '-no-fragments'], false, true)
    await pack('always-fragments', 'lz4', [...stored, '-always-use-fragments', '-no-exports'], false, true)
    await pack('no-xattrs', 'lzo', [...stored, '-no-xattrs', '-no-duplicates'], false, true)
  })

  test(`end in an error or in a tree that can be grafted: ${String(cases)} of them, in processes with little memory and time`, { timeout: 10 * 60 * 60_000 }, async () => {
    const reports: FuzzReport[] = []
    for (let from = 0; from < cases; from += casesAProcess) {
      const workDir = join(dir, `work-${String(from)}`)
      reports.push(await fuzz({ images, from, to: Math.min(cases, from + casesAProcess), workDir }))
    }
    const sum = (of: (report: FuzzReport) => number): number => reports.reduce((total, report) => total + of(report), 0)
    const errors = new Set(reports.flatMap((report) => Object.keys(report.errors)))
    const figures = { cases: sum((report) => report.cases), refused: sum((report) => report.refused), grafted: sum((report) => report.grafted), errors: errors.size, peakMb: Math.max(...reports.map(({ peakMb }) => peakMb)), slowestMs: Math.max(...reports.map(({ slowestMs }) => slowestMs)) }
    process.stderr.write(`${JSON.stringify(figures)}\n`)
    if (process.env['NAT64_FORGE_FUZZ_ERRORS'] === '1') process.stderr.write(`${[...errors].sort().join('\n')}\n`)
    expect(figures.cases).toBe(cases)
    // Mutations go deep enough: most are noticed, by many different checks, and many are not of importance.
    expect(figures.refused).toBeGreaterThan(cases / 4)
    expect(figures.grafted).toBeGreaterThan(cases / 20)
    expect(figures.errors).toBeGreaterThan(60)
    expect(figures.peakMb).toBeLessThan(300)
  })

  test('a check that is missing is noticed: without the one of folders that were entered before, some image has a tree without end', async () => {
    await expect(fuzz({ images, from: 0, to: 3000, workDir: join(dir, 'planted'), without: 'guard' })).rejects.toThrow(/^seed \d+ ended the process: [^]*a tree of more than 1000 names came out of a small image/)
  })
})
