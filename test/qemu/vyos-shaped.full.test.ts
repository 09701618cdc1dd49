import { execFile, execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { InspectReport } from '../../images/inspect/artifact.ts'
import type { BuildReport } from '../../scripts/pipeline/report/report.ts'
import { program } from '../support/cli.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const hours = 60 * 60_000

// From nothing: kernel, throw-away key, Jool 4.1.9 as VyOS ships it, image, boot, packets.
describe.skipIf(!needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'unsquashfs', 'xorriso', 'bwrap'))('the VyOS-shaped image', { timeout: hours }, () => {
  let dir = ''
  let built: { status: number; stdout: string; stderr: string }
  let iso = ''
  let report: InspectReport

  const forge = (...words: string[]): Promise<typeof built> => new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], { cwd: dir, maxBuffer: 1 << 28 }, (error, stdout, stderr) => { resolve({ status: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }) })
  })

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    built = await forge('build', '--target', 'vyos-shaped', '--json', '--out', join(dir, 'out'), '--store', process.env['NAT64_FORGE_TEST_STORE'] ?? join(dir, 'store'))
    iso = join(dir, 'out/vyos-shaped/vyos-shaped-router.iso')
    report = JSON.parse((await forge('inspect', iso, '--json')).stdout || '{}') as InspectReport
  }, 2 * hours)

  it('boots under BIOS and UEFI, and its shipped modules and tools translate packets', () => {
    expect(built.status, built.stderr).toBe(0)
    const checks = (JSON.parse(built.stdout) as BuildReport).smoke?.checks ?? []
    expect(checks.filter(({ verdict }) => verdict === 'fail')).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual(expect.arrayContaining(['bios/tcp-bulk', 'bios/unload', 'bios/reboot', 'uefi/tcp-small']))
  })

  it('is what inspect says it is', () => {
    expect(report.iso).toMatchObject({ volumeId: 'VyOS', squashfs: 'live/filesystem.squashfs', checksumFile: { path: 'sha256sum.txt', coversSquashfs: true }, boot: [{ platform: 'bios' }, { platform: 'uefi' }] })
    expect(report.squashfs).toMatchObject({ compressor: 'xz', compressorOptions: expect.stringContaining('x86'), blockSizeBytes: 262144, flags: expect.arrayContaining(['always-use-fragments']) })
    expect(report.system).toMatchObject({ id: 'vyos', suite: 'bookworm', vyosVersion: expect.stringMatching(/^1\.5-rolling-\d{12}$/) })
    expect(report.kernels).toHaveLength(1)
    expect(report.kernels[0]?.release).toMatch(/^6\.12\.\d+-vyos$/)
    expect(report.jool).toMatchObject({ package: { name: 'jool', version: '4.1.9+shaped-1' } })
  })

  it('has VyOS\'s places in its root, and checksums that hold', async () => {
    const [tree, root] = [join(dir, 'iso'), join(dir, 'root')]
    execFileSync('xorriso', ['-osirrox', 'on', '-indev', iso, '-extract', '/', tree], { stdio: 'ignore' })
    for (const [program, file] of [['sha256sum', 'sha256sum.txt'], ['md5sum', 'md5sum.txt']] as const) execFileSync(program, ['--check', '--strict', '--quiet', file], { cwd: tree })
    await mkdir(root)
    execFileSync('unsquashfs', ['-no-progress', '-quiet', '-force', '-dest', root, join(tree, 'live/filesystem.squashfs'), 'usr/share/vyos', 'opt', 'boot', 'lib/modules', 'usr/lib/modules', 'usr/bin/jool'], { stdio: 'ignore' })
    expect(await readFile(join(root, 'usr/share/vyos/version.json'), 'utf8')).toBe(await readFile(join(tree, 'version.json'), 'utf8'))
    const release = report.kernels[0]?.release ?? ''
    expect(await readdir(join(root, 'boot'))).toEqual(expect.arrayContaining(['vmlinuz', `vmlinuz-${release}`, 'initrd.img']))
    const modules = join(root, await stat(join(root, 'usr/lib/modules')).then(() => 'usr/lib/modules', () => 'lib/modules'))
    expect(await readdir(modules)).toEqual([release])
    expect((await readdir(join(modules, release, 'extra'))).sort()).toEqual(['jool.ko', 'jool_common.ko', 'jool_siit.ko'])
    expect(await readFile(join(tree, 'live/filesystem.packages'), 'utf8')).toMatch(/^jool\t4\.1\.9\+shaped-1$/m)
  })

  it('comes with the kernel\'s packages and their sources', async () => {
    const names = await readdir(join(dir, 'out/vyos-shaped/kernel'))
    for (const pattern of [/^linux-image-.*\.deb$/, /^linux-headers-.*\.deb$/, /^linux-source-.*\.deb$/, /^config-/, /^SOURCES\.txt$/]) expect(names.filter((name) => pattern.test(name))).toHaveLength(1)
  })
})
