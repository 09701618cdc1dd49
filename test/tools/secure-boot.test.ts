import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { inspect, openRouterImage } from '../../images/inspect/artifact.ts'
import type { IsoDeps } from '../../images/iso/deps.ts'
import type { ReferencePlan } from '../../images/iso/plan.ts'
import { resolve } from '../../images/iso/resolve.ts'
import { certificateChanged, lockSecureBoot } from '../../images/iso/secure-boot/key.ts'
import { openSecureBoot, type SecureBoot } from '../../images/iso/secure-boot/sign.ts'
import type { SecureBootLocked } from '../../images/iso/secure-boot/spec.ts'
import { isoSpec } from '../../images/iso/spec.ts'
import type { HeadersLocked } from '../../kernel/headers/artifact.ts'
import { createExec, type Argv } from '../../scripts/lib/exec.ts'
import { createLog, silentLog, type LogEvent } from '../../scripts/lib/log.ts'
import { fakeDeps } from '../support/fake-archive.ts'
import { makeKernelKey } from '../support/kernel-key.ts'
import { rejection } from '../support/rejection.ts'
import { debianSource, epoch } from '../support/sample-lock.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const shimFile = '/usr/lib/shim/shimx64.efi'
const exec = createExec({ log: silentLog })
const goodConfig = 'CONFIG_EFI_STUB=y\nCONFIG_EFI_HANDOVER_PROTOCOL=y\nCONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n'

let dir: string
beforeAll(async () => {
  dir = await temporaryFolder({ keepUntil: 'file' })
  makeKernelKey(dir, 'good')
  makeKernelKey(dir, 'other')
  makeKernelKey(dir, 'elliptic', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'])
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', join(dir, 'good.key'), '-passout', 'pass:secret', '-out', join(dir, 'passphrase.key')])
})

const lock = (key: string, certificate: string): Promise<SecureBootLocked> => lockSecureBoot({ key, certificate }, dir, { exec, workDir: dir })

/** The chain as the stage opens it, in a work folder of that name; everything logged is kept. */
async function open(name: string, config = goodConfig): Promise<{ secureBoot: SecureBoot; workDir: string; logged: string[]; commands: Argv[] }> {
  const [workDir, headersDir] = [join(dir, name), join(dir, `${name}-headers`)]
  await mkdir(workDir)
  await mkdir(headersDir)
  await writeFile(join(headersDir, 'config'), config)
  const logged: string[] = []
  const commands: Argv[] = []
  const log = createLog((event: LogEvent) => { logged.push(JSON.stringify(event)) })
  const run = createExec({ log })
  const deps = {
    workDir, log, exec: (argv: Argv, options?: object) => { commands.push(argv); return run(argv, options) },
    before: { headers: { dir: headersDir, configFile: 'config', release: '6.12.48-vyos' } },
  } as unknown as IsoDeps
  const secureBoot = await openSecureBoot({ secureBoot: await lock('good.key', 'good.pem'), target: { sourceDateEpoch: epoch } } as ReferencePlan, deps)
  if (secureBoot === undefined) throw new Error('no chain')
  return { secureBoot, workDir, logged, commands }
}

describe.skipIf(!needsTools('openssl'))('a key for Secure Boot', () => {
  test('is refused before anything is asked of the archive, and the hint names its section', async () => {
    const cases: [string, string, string, string | undefined][] = [
      ['absent.key', 'good.pem', 'E_KEY_MISSING', 'correct iso.secureBoot.key in the target'],
      ['good.key', 'absent.pem', 'E_KEY_MISSING', 'correct iso.secureBoot.certificate in the target'],
      ['passphrase.key', 'good.pem', 'E_KEY_PASSPHRASE', undefined],
      ['other.key', 'good.pem', 'E_KEY_MISMATCH', undefined],
      ['good.key', 'good.key', 'E_CERTIFICATE', undefined],
      ['elliptic.key', 'elliptic.pem', 'E_KEY', undefined],
    ]
    for (const [key, certificate, code, hint] of cases) {
      const { deps, asked, opened } = fakeDeps({}, { targetDir: dir, workDir: dir })
      const headers = { provider: 'source', signing: { policy: 'ephemeral' } } as HeadersLocked
      const error = await rejection(resolve({ target: { name: 't', suite: 'bookworm', architecture: 'amd64' }, spec: isoSpec.parse({ secureBoot: { key, certificate } }), before: { source: debianSource, headers } }, deps))
      expect([key, certificate, error.code, opened, asked]).toEqual([key, certificate, code, [], []])
      if (hint !== undefined) expect(error.hint).toBe(hint)
    }
  })

  test('whose certificate is out of date is refused', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * 24 * 60 * 60_000 })
    onTestFinished(() => { vi.useRealTimers() })
    expect(await rejection(lock('good.key', 'good.pem'))).toMatchObject({ code: 'E_CERTIFICATE_EXPIRED' })
  })

  test('is in the lock by its place and its certificate\'s digest; another certificate there makes the lock stale', async () => {
    const locked = await lock('good.key', 'good.pem')
    expect(locked).toEqual({ policy: 'file', keyFile: join(dir, 'good.key'), certificateFile: join(dir, 'good.pem'), certificateSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
    expect(await certificateChanged(locked)).toBe(false)
    expect(await certificateChanged({ ...locked, certificateFile: join(dir, 'other.pem') })).toBe(true)
  })
})

describe.skipIf(!needsTools('openssl', 'sbsign', 'sbverify', 'faketime', 'objcopy', shimFile, '/usr/lib/grub/x86_64-efi/monolithic/gcdx64.efi'))('signing for Secure Boot', () => {
  test('gives the same bytes at any time and place, which the certificate verifies and another does not', async () => {
    const programs: string[] = []
    for (const name of ['one', 'two']) {
      const { secureBoot, workDir } = await open(name)
      programs.push(join(workDir, 'shim.efi'))
      await secureBoot.shim(join(workDir, 'shim.efi'))
    }
    const [one, two] = await Promise.all(programs.map((path) => readFile(path)))
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true)
    expect(one?.equals(await readFile(shimFile))).toBe(false)
    const verifies = async (certificate: string): Promise<number> => (await exec(['sbverify', '--cert', join(dir, certificate), programs[0] ?? ''], { okStatus: [0, 1] })).exitStatus
    expect([await verifies('good.pem'), await verifies('other.pem')]).toEqual([0, 1])
  })

  test('tells programs where the key is, and nothing what it is', async () => {
    const { secureBoot, workDir, logged, commands } = await open('secret')
    await secureBoot.shim(join(workDir, 'shim.efi'))
    const [signing] = commands
    expect(signing).toEqual(['faketime', '-f', '@2026-01-01 00:00:00', 'sbsign', '--key', join(dir, 'good.key'), '--cert', join(workDir, 'secure-boot.pem'), '--output', join(workDir, 'signed.efi'), join(workDir, 'shim.efi')])
    const secret = (await readFile(join(dir, 'good.key'), 'utf8')).split('\n')[3] ?? ''
    expect(secret).toHaveLength(64)
    const left = await Promise.all((await readdir(workDir)).map((name) => readFile(join(workDir, name), 'latin1')))
    for (const text of [...logged, ...left, JSON.stringify(commands)]) expect(text.includes(secret)).toBe(false)
    expect((await readdir(workDir)).sort()).toEqual(['secure-boot.pem', 'shim.efi'])
  })

  test('takes GRUB\'s revocation level from Debian\'s own build of it', async () => {
    const { secureBoot } = await open('sbat')
    const { stdout } = await exec(['dpkg-query', '-W', '-f', '${source:Version}', 'grub-efi-amd64-bin'])
    const lines = (await readFile(await secureBoot.sbat(), 'utf8')).split('\n')
    expect(lines[0]).toMatch(/^sbat,1,/)
    expect(lines[1]).toMatch(/^grub,\d+,Free Software Foundation,grub,/)
    expect(lines.some((line) => line.startsWith('grub.debian,') && line.includes(`,${stdout},`))).toBe(true)
  })

  test('refuses a kernel that cannot be started so, and warns of one that does not lock itself down', async () => {
    expect(await rejection(open('stubless', 'CONFIG_EFI=y\n'))).toMatchObject({ code: 'E_KCONFIG', message: 'iso.secureBoot: 6.12.48-vyos is configured without CONFIG_EFI_STUB and CONFIG_EFI_HANDOVER_PROTOCOL, and GRUB starts no such kernel under Secure Boot' })
    const { logged } = await open('unlocked', 'CONFIG_EFI_STUB=y\nCONFIG_EFI_HANDOVER_PROTOCOL=y\n')
    expect(logged.filter((line) => line.includes('not configured to lock itself down'))).toHaveLength(1)
    expect((await open('locked')).logged.filter((line) => line.includes('lock itself down'))).toEqual([])
  })

  test.skipIf(!needsTools('xorriso', 'mksquashfs', 'mformat', 'mcopy'))('shows in inspect, also where shim lies in the EFI partition alone', async () => {
    const { secureBoot, workDir } = await open('inspected')
    const signed = join(workDir, 'BOOTX64.EFI')
    await secureBoot.shim(signed)
    const root = join(workDir, 'root')
    await mkdir(join(root, 'etc'), { recursive: true })
    await writeFile(join(root, 'etc/os-release'), 'ID=debian\n')
    const facts = async (name: string, program: string, where: 'partition' | 'tree'): Promise<unknown> => {
      const tree = join(workDir, name)
      for (const folder of ['live', 'boot', 'EFI/BOOT']) await mkdir(join(tree, folder), { recursive: true })
      await exec(['mksquashfs', root, join(tree, 'live/filesystem.squashfs'), '-noappend', '-no-progress', '-quiet'])
      if (where === 'tree') await copyFile(program, join(tree, 'EFI/BOOT/BOOTX64.EFI'))
      const efi = join(tree, 'boot/efi.img')
      await exec(['mformat', '-C', '-i', efi, '-T', '12288', '-h', '16', '-s', '32', '::'])
      if (where === 'partition') {
        await exec(['mmd', '-i', efi, '::/EFI', '::/EFI/BOOT'])
        await exec(['mcopy', '-i', efi, program, '::/EFI/BOOT/BOOTX64.EFI'])
      }
      const iso = join(workDir, `${name}.iso`)
      await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-o', iso, '-r', '-J', '-eltorito-alt-boot', '-e', 'boot/efi.img', '-no-emul-boot', tree])
      await using image = await openRouterImage(iso, { exec })
      return (await inspect(image)).iso?.secureBoot
    }
    expect(await facts('in-partition', signed, 'partition')).toEqual({ shim: true, signer: 'good' })
    expect(await facts('in-tree', signed, 'tree')).toEqual({ shim: true, signer: 'good' })
    expect(await facts('unsigned', shimFile, 'partition')).toEqual({ shim: true, signer: null })
    expect(await facts('no-shim', '/usr/lib/grub/x86_64-efi/monolithic/gcdx64.efi', 'partition')).toEqual({ shim: false, signer: null })
  })
})
