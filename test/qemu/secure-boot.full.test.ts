import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import type { BuildReport } from '../../scripts/pipeline/report/report.ts'
import type { InspectReport } from '../../images/inspect/artifact.ts'
import { program } from '../support/cli.ts'
import { makeKernelKey } from '../support/kernel-key.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const testKey = '/usr/share/ovmf/PkKek-1-snakeoil'
const hours = 60 * 60_000

interface Ended {
  status: number
  stdout: string
  stderr: string
}

async function forge(cwd: string, words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...words], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString() })
  const [status] = await once(child, 'close') as [number]
  return { status, stdout, stderr }
}

const bootDetail = ({ stdout }: Ended): string | undefined => (JSON.parse(stdout || '{}') as BuildReport).smoke?.checks.find(({ id }) => id === 'uefi-secure/boot')?.detail

/** The firmware has Secure Boot on and trusts one certificate: the one that Debian's ovmf has for tests. */
describe.skipIf(!needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'xorriso', 'bwrap', 'sbsign', 'sbattach', 'faketime', '/usr/lib/shim/shimx64.efi', `${testKey}.key`))('a router with a kernel of its own, under Secure Boot', () => {
  let dir: string
  let store: string
  let iso: string
  let built: Ended
  let report: BuildReport

  const target = [
    'target: secure', 'suite: bookworm',
    'headers:', '  provider: source', '  kernel: { from: debian, package: linux-source-6.12, suite: trixie }', '  signing: { key: kernel.key, certificate: kernel.pem }',
    'iso: { compression: fast, secureBoot: { key: boot.key, certificate: boot.pem } }',
    'smoke: { firmware: [uefi-secure] }', '',
  ].join('\n')
  const smoke = (image: string, cwd = dir): Promise<Ended> => forge(cwd, ['smoke', image, '--json', '--store', store, '--out', join(cwd, 'out')])

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    store = await testStore()
    makeKernelKey(dir, 'kernel')
    makeKernelKey(dir, 'stranger')
    execFileSync('openssl', ['rsa', '-in', `${testKey}.key`, '-passin', 'pass:snakeoil', '-out', join(dir, 'boot.key')], { stdio: 'ignore' })
    await copyFile(`${testKey}.pem`, join(dir, 'boot.pem'))
    await writeFile(join(dir, 'nat64-forge.yaml'), target)
    built = await forge(dir, ['build', '--json', '--store', store, '--out', join(dir, 'out')])
    report = JSON.parse(built.stdout || '{}') as BuildReport
    iso = join(dir, 'out/secure/secure-router.iso')
  }, 2 * hours)

  test('boots, is locked down, and its modules load and translate', () => {
    expect(built.status, `what the build printed:\n${built.stderr}`).toBe(0)
    const verdicts = new Map(report.smoke?.checks.map(({ id, verdict, detail }) => [id, { verdict, detail }]))
    for (const id of ['boot', 'lockdown', 'modules', 'icmp', 'tcp-bulk', 'unload', 'kernel-log', 'reboot']) expect([id, verdicts.get(`uefi-secure/${id}`)?.verdict]).toEqual([id, 'pass'])
    expect(verdicts.get('uefi-secure/lockdown')?.detail).toContain('lockdown is "integrity"')
  })

  test('says so to inspect', async () => {
    const { stdout } = await forge(dir, ['inspect', iso, '--json'])
    expect((JSON.parse(stdout) as InspectReport).iso?.secureBoot).toEqual({ shim: true, signer: 'US, Colorado, Fort Collins, SnakeOil' })
  })

  test('has one signed kernel, in the root as on the medium, and nothing of the key', async () => {
    const files = join(dir, 'files')
    await exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', '/', files])
    await exec(['sha256sum', '--check', '--strict', '--quiet', 'sha256sum.txt'], { cwd: files })
    await exec(['unsquashfs', '-quiet', '-no-progress', '-d', join(dir, 'root'), join(files, 'live/filesystem.squashfs'), 'boot'])
    const kernel = execFileSync('sh', ['-c', 'echo boot/vmlinuz-*'], { cwd: join(dir, 'root'), encoding: 'utf8' }).trim()
    expect(await sha256File(join(dir, 'root', kernel))).toBe(await sha256File(join(files, 'live/vmlinuz')))
    for (const path of ['live/vmlinuz', 'EFI/BOOT/BOOTX64.EFI', 'EFI/BOOT/grubx64.efi']) await exec(['sbverify', '--cert', join(dir, 'boot.pem'), join(files, path)])
    const secret = (await readFile(join(dir, 'boot.key'), 'utf8')).split('\n')[3] ?? ''
    expect(secret).toHaveLength(64)
    const found = await exec(['grep', '-rlF', secret, join(dir, 'out'), files, join(store, 'artifacts/iso'), join(store, 'notes')], { okStatus: [0, 1], timeoutMs: 30 * 60_000 })
    expect([found.exitStatus, found.stdout]).toEqual([1, ''])
  })

  describe('refuses', () => {
    /** The image with one file changed. */
    async function changed(path: string, change: (file: string) => Promise<void>): Promise<string> {
      const work = await temporaryFolder()
      const file = join(work, 'file')
      await exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', path, file])
      await exec(['chmod', 'u+w', file])
      await change(file)
      const other = join(work, 'changed.iso')
      await exec(['xorriso', '-indev', iso, '-outdev', other, '-boot_image', 'any', 'replay', '-map', file, path, '-commit'])
      return other
    }
    const unsign = async (file: string): Promise<void> => { await exec(['sbattach', '--remove', file]) }

    test('the same chain with an unsigned kernel', async () => {
      const ended = await smoke(await changed('/live/vmlinuz', unsign))
      expect(bootDetail(ended)).toMatch(/^refused by Secure Boot: .*bad shim signature.*last milestone: boot-loader/)
      expect(ended.status).toBe(1)
    })

    test('the same chain with a kernel that another key signed', async () => {
      const image = await changed('/live/vmlinuz', async (file) => {
        await unsign(file)
        await exec(['sbsign', '--key', join(dir, 'stranger.key'), '--cert', join(dir, 'stranger.pem'), '--output', file, file])
      })
      const ended = await smoke(image)
      expect(bootDetail(ended)).toMatch(/^refused by Secure Boot: .*bad shim signature/)
      expect(ended.status).toBe(1)
    })

    test('the whole image where the firmware trusts somebody else', async () => {
      const elsewhere = join(dir, 'elsewhere')
      await mkdir(elsewhere)
      await writeFile(join(elsewhere, 'nat64-forge.yaml'), target.replace('boot.key', '../stranger.key').replace('boot.pem', '../stranger.pem'))
      const ended = await smoke(iso, elsewhere)
      expect(bootDetail(ended)).toMatch(/^refused by Secure Boot: BdsDxe: failed to (load|start)/)
      expect(ended.status).toBe(1)
    })
  })
})
