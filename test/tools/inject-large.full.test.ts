import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inject } from '../../images/inject/artifact.ts'
import { openRouterImage } from '../../images/inspect/artifact.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { debianLikeIso, debianLikeTools, debianPackage } from '../support/debian-like-iso.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const fourGiB = 4 * 1024 ** 3

test.skipIf(!needsTools(...debianLikeTools) || process.getuid?.() !== 0)('an ISO above 4 GiB, with a squashfs above 4 GiB, is injected into with all that it has', async () => {
  const dir = await temporaryFolder()
  // Stored as it is, from a program's output: neither compressed nor first a file.
  const large = 'usr/share/large f 644 0 0 yes "a line of a large file" | head -c 4400000000'
  const iso = await debianLikeIso({ dir, exec, squashfs: ['-comp', 'zstd', '-Xcompression-level', '1', '-b', '1M', '-noD', '-noF', '-p', large], iso: ['-iso-level', '3'] })
  expect((await stat(iso)).size).toBeGreaterThan(fourGiB)
  const deb = await debianPackage(dir, exec, { name: 'extra', files: { 'usr/share/extra/file': 'grafted\n' } })
  const workDir = join(dir, 'work')
  await mkdir(workDir)
  const { iso: made, squashfs } = await inject({ iso, packages: [deb], output: join(dir, 'new.iso'), toolVersion: '1.2.3', exec, log: silentLog, workDir })
  expect(squashfs?.oldBytes).toBeGreaterThan(fourGiB)
  expect(made?.sizeBytes).toBeGreaterThan(fourGiB)
  await using image = await openRouterImage(join(dir, 'new.iso'), { exec })
  expect((await (await image.root()).readFile('usr/share/extra/file'))?.toString()).toBe('grafted\n')
  // As the kernel sees it: the large file's last bytes, and the new one, whose data lie above 4 GiB.
  const { stdout } = await exec(['sh', '-ec', 'mkdir cd root; mount -o ro,loop new.iso cd; mount -o ro,loop cd/live/filesystem.squashfs root; cat root/usr/share/extra/file; tail -c 10 root/usr/share/large | tr -d "\\n"; stat -c " %s" root/usr/share/large'], { cwd: dir, contained: true })
  expect(stdout).toMatch(/^grafted\n.{9,10} 4400000000\n$/)
  await exec(['rm', '-r', workDir])
})
