import { mkdir, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { inject, type Injection } from '../../images/inject/artifact.ts'
import { openOutput } from '../../images/inject/output.ts'
import { openByteSource } from '../../scripts/formats/byte-source.ts'
import { readIso9660 } from '../../scripts/formats/iso9660.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { peakMemoryOfChildren } from '../../scripts/dev/bench/tree-memory.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { program, start, type Ended } from '../support/cli.ts'
import { debianLikeIso, debianLikeTools, debianPackage, efiAppended } from '../support/debian-like-iso.ts'
import { rejection } from '../support/rejection.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools(...debianLikeTools) && process.getuid?.() === 0

/** Beyond the size that one part of a file on an ISO can have, and where 32 bits end. */
const largeBytes = (process.env['NAT64_FORGE_FULL'] === '1' ? 4400 : 40) * 1048576

let dir: string
let iso: string

async function into(image: string, packages: readonly string[], output: string): Promise<Injection> {
  const workDir = await mkdtemp(join(dir, 'work-'))
  try {
    return await inject({ iso: image, packages, output: join(dir, output), toolVersion: '1.2.3', exec, log: silentLog, workDir })
  } finally {
    await rm(workDir, { recursive: true })
  }
}

describe.skipIf(!tools)('an injection', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    iso = await debianLikeIso({ dir, exec })
  })

  test('whose output\'s folder is gone when all is done has made no mistake in its command', async () => {
    const folder = join(dir, 'goes')
    await mkdir(folder)
    await using output = await openOutput(join(folder, 'new.iso'), exec)
    await rm(folder, { recursive: true })
    expect(await rejection(output.publish())).toMatchObject({ code: 'E_OUT', message: expect.stringContaining('could not put') as string })
  })

  // Disks of their own, in a mount namespace that ends with the programs in it.
  test.each([
    ['where the output is to go', 'out', 6, 'the disk of .*out has \\d+ MiB free, and the new image takes at least \\d+ MiB', 'name a file on another disk'],
    ['of the store', 'store', 6, 'the disk of .*store.* is full', 'give another disk with --store DIR'],
    ['of the store, before packages are unpacked,', 'store', 34, 'the disk became full while trying to install the packages in the image', 'give another disk with --store DIR'],
    ['of the store, while packages are unpacked,', 'store', 58, 'the disk became full while trying to install the packages in the image', 'give another disk with --store DIR'],
  ] as const)('for which the disk %s is too small half-way says so, leaves nothing there, and does not touch the ISO', async (_what, disk, moreMiB, words, hint) => {
    const [digest, folder] = [await sha256File(iso), join(dir, `small-${disk}-${String(moreMiB)}`)]
    for (const name of ['out', 'store']) await mkdir(join(folder, name), { recursive: true })
    // As large as the ISO already: enough to begin with.
    const large = await debianPackage(dir, exec, { name: `large-${disk}-${String(moreMiB)}`, files: { 'usr/share/large': randomBytes(24 << 20) } })
    const size = (await stat(iso)).size + (moreMiB << 20)
    const script = [`mount -t tmpfs -o size=${String(size)} tmpfs ${join(folder, disk)}`, '"$@" >&2 && echo done || echo "failed $?"', `find ${folder}/out ${folder}/store/work -mindepth 1 -printf '%P\\n'`].join('\n')
    const { stdout, stderr }: Ended = await start(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, program, 'inject', iso, large, '-o', join(folder, 'out/new.iso'), '--store', join(folder, 'store')]).ended
    expect(stdout, stderr).toBe('failed 69\n')
    expect(stderr).toMatch(new RegExp(`nat64-forge: E_DISK_FULL: ${words}`))
    expect(stderr).toMatch(new RegExp(`\\n {2}next: .*${hint}`))
    expect(await sha256File(iso)).toBe(digest)
  })

  test('in an ISO with its EFI partition behind the file system keeps that, and boots from it as before', async () => {
    const image = await debianLikeIso({ dir, exec, name: 'appended', boot: efiAppended })
    // Larger than the gap behind the file system: the partition moves.
    const large = await debianPackage(dir, exec, { name: 'moves', files: { 'usr/share/large': randomBytes(4 << 20) } })
    const { iso: made } = await into(image, [large], 'moved.iso')
    const partition = async (path: string): Promise<{ start: number; bytes: Buffer }> => {
      await using source = await openByteSource(path)
      const mbr = await source.read(446 + 16, 16)
      expect(mbr[4]).toBe(0xef)
      const [at, length] = [mbr.readUInt32LE(8) * 512, mbr.readUInt32LE(12) * 512]
      return { start: at, bytes: await source.read(at, length) }
    }
    const [before, after] = [await partition(image), await partition(made?.path ?? '')]
    expect(after.start).toBeGreaterThan(before.start + (3 << 20))
    expect(after.bytes.equals(before.bytes)).toBe(true)
    expect(after.bytes.subarray(0, 1_474_560).equals(await readFile(join(dir, 'appended-tree/boot/grub/efi.img')))).toBe(true)
    const { stdout } = await exec(['xorriso', '-indev', made?.path ?? '', '-report_el_torito', 'plain'])
    expect(stdout).toMatch(new RegExp(`boot img : +2 +UEFI .* ${String(after.start / 2048)}\\n`))
    expect((await into(made?.path ?? '', [large], 'moved-twice.iso')).iso?.sha256).toBe(made?.sha256)
  })

  test('of a file that is larger than memory should be takes no more than 400 MB, and a file written again as it was is none', async () => {
    const image = await debianLikeIso({
      dir, exec, name: 'big', programs: ['/usr/bin/dd'], files: { 'opt/big': randomBytes(256 << 20), 'opt/hole': '' }, squashfs: ['-comp', 'zstd', '-Xcompression-level', '1', '-b', '1M'],
      change: async (root) => { await truncate(join(root, 'opt/hole'), 600 << 20) },
    })
    const script = join(dir, 'again')
    await writeFile(script, '#!/bin/sh\nset -e\nfor name in big hole; do cp --sparse=always /opt/$name /opt/again; mv /opt/again /opt/$name; done\n')
    const run = (): Promise<Ended> => start([process.execPath, program, 'inject', image, '--script', script, '--diff', '--store', join(dir, 'big-store')]).ended
    const { result: { status, stdout, stderr }, bytes } = await peakMemoryOfChildren(run)
    expect([status, stderr.includes('E_')], stderr).toEqual([0, false])
    expect(stdout).toMatch(/^\+ usr\/share\/doc\/nat64-forge\/manifest.json {2}\d+\n$/)
    expect(bytes).toBeLessThan(400e6)
    await writeFile(script, '#!/bin/sh\nset -e\necho x | dd of=/opt/big conv=notrunc bs=1 seek=200000000 status=none\n')
    expect((await run()).stdout).toContain(`~ opt/big  ${String(256 << 20)} -> ${String(256 << 20)}\n`)
  })

  test('in an ISO with a large file in front of its squashfs keeps that, and finds the squashfs behind it', { timeout: 10 * 60_000 }, async () => {
    const [large, image, marks] = [join(dir, 'large'), join(dir, 'large.iso'), ['the beginning', 'the end']]
    {
      await using file = await open(large, 'w')
      await file.write(marks[0] ?? '', 0)
      await file.write(marks[1] ?? '', largeBytes - 7)
    }
    await exec(['bash', '-o', 'pipefail', '-c', 'xorriso -abort_on FAILURE -report_about SORRY -indev "$0" -outdev - -boot_image any replay -compliance iso_9660_level=3 -map "$1" /a/large -commit -end | dd bs=1M iflag=fullblock conv=sparse status=none "of=$2"', iso, large, image])
    const pkg = await debianPackage(dir, exec, { name: 'behind', files: { 'usr/share/behind': 'here' } })
    const { iso: made } = await into(image, [pkg], 'behind.iso')
    expect(made?.sizeBytes).toBeGreaterThan(largeBytes)
    await using source = await openByteSource(made?.path ?? '')
    const { file } = await readIso9660(source)
    const [kept, squashfs] = [file('a/large'), file('live/filesystem.squashfs')]
    expect(kept?.sizeBytes).toBe((await stat(large)).size)
    expect(squashfs?.offset).toBeGreaterThan(largeBytes)
    const at = async (offset: number, length: number): Promise<string> => (await source.read((kept?.offset ?? 0) + offset, length)).toString('latin1')
    expect([await at(0, 13), await at(largeBytes - 7, 7)]).toEqual(marks)
    const { stdout } = await exec(['unsquashfs', '-cat', '-offset', String(squashfs?.offset), source.path, 'usr/share/behind'])
    expect(stdout).toBe('here')
  })
})
