import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { X509Certificate } from 'node:crypto'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { resolve as resolveHeaders } from '../../../kernel/headers/resolve.ts'
import { headersSpec, type HeadersLocked } from '../../../kernel/headers/spec.ts'
import { resolve as resolveModules } from '../../../kernel/modules/resolve.ts'
import { modulesSpec, type ModulesLocked } from '../../../kernel/modules/spec.ts'
import { createExec } from '../../../scripts/lib/exec.ts'
import { createLog, silentLog } from '../../../scripts/lib/log.ts'
import type { ResolveDeps } from '../../../scripts/pipeline/stage.ts'
import { fakeDeps } from '../../support/fake-archive.ts'
import { bzImage, vmlinuxFile } from '../../support/kernel-image.ts'
import { makeKernelKey } from '../../support/kernel-key.ts'
import { rejection } from '../../support/rejection.ts'
import { debianSource } from '../../support/sample-lock.ts'
import { certificateList } from '../../support/signed-module.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const release = '6.6.54-vyos'
const target = { name: 't', suite: 'bookworm', architecture: 'amd64' } as const
const base = 'CONFIG_X86_64=y\nCONFIG_MODULES=y\nCONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"\nCONFIG_CRYPTO_SHA512=y\nCONFIG_SYSTEM_TRUSTED_KEYS=""\n'
const looks = `${base}CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_HASH="sha512"\n`
const forces = `${looks}CONFIG_MODULE_SIG_FORCE=y\n`
const modpost = Buffer.alloc(64)
modpost.writeUInt32BE(0x7f454c46, 0)
modpost.writeUInt16LE(62, 18)

let keys = ''
const serials: Record<string, string> = {}
beforeAll(async () => {
  keys = await temporaryFolder({ keepUntil: 'file' })
  const made = ['builder', 'ca', 'other'].map((name) => makeKernelKey(keys, name).certificate)
  // A second certificate of the builder's key, and one made anew under its name and serial number.
  const again = (name: string, ...words: string[]): void => { execFileSync('openssl', ['req', '-x509', '-new', '-key', join(keys, 'builder.key'), '-sha512', '-days', '90', '-subj', '/O=test/CN=builder', '-out', join(keys, `${name}.pem`), ...words], { stdio: 'ignore' }) }
  again('renumbered')
  for (const path of [...made, join(keys, 'renumbered.pem')]) serials[path.slice(keys.length + 1, -'.pem'.length)] = new X509Certificate(await readFile(path)).serialNumber.toLowerCase()
  again('renewed', '-set_serial', `0x${serials['builder'] ?? ''}`)
})

const der = async (name: string): Promise<Buffer> => new X509Certificate(await readFile(join(keys, `${name}.pem`))).raw

/** The kernel itself, with these certificates. */
const kernelWith = async (...names: string[]): Promise<Buffer> => vmlinuxFile({ rodata: Buffer.concat([certificateList(await Promise.all(names.map(der))), Buffer.alloc(64)]) })

interface Tree { config?: string; signFile?: boolean; files?: Readonly<Record<string, Buffer>> }

/** What a target says of the key of a kernel that lies built in a folder: what its lock has of the modules, and the warnings. */
async function resolved({ config = forces, signFile = true, files = {} }: Tree, signing: Readonly<Record<string, string>>): Promise<{ locked: ModulesLocked; warnings: string[] }> {
  const dir = await temporaryFolder()
  const all: Record<string, string | Buffer> = {
    '.config': config, 'Module.symvers': '', Makefile: '', 'include/generated/utsrelease.h': `#define UTS_RELEASE "${release}"\n`, 'include/generated/autoconf.h': '', 'scripts/mod/modpost': modpost,
    ...(signFile ? { 'scripts/sign-file': modpost } : {}), ...files,
  }
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(dir, 'linux', path)), { recursive: true })
    await writeFile(join(dir, 'linux', path), content)
  }
  const warnings: string[] = []
  const log = createLog((event) => { if (event.kind === 'warning') warnings.push(event.text) })
  const deps: ResolveDeps = { ...fakeDeps({ records: { 'gcc-12': { Package: 'gcc-12' } } }).deps, log, exec: createExec({ log: silentLog }), workDir: join(dir, 'work'), targetDir: keys }
  const headers: HeadersLocked = await resolveHeaders({ spec: headersSpec.parse({ provider: 'tree', path: join(dir, 'linux') }), target, before: {} }, deps)
  const locked = await resolveModules({ spec: modulesSpec.parse({ signing }), target, before: { source: debianSource, headers } }, deps)
  return { locked, warnings }
}

const pair = (name: string, certificate = name): Record<string, string> => ({ key: `${name}.key`, certificate: `${certificate}.pem` })

describe('the key for a kernel that was built elsewhere', () => {
  test.each<[string, () => Promise<Tree['files']>, Record<string, string>]>([
    ['is one of those in the kernel', async () => ({ vmlinux: await kernelWith('builder', 'ca') }), pair('ca')],
    ['is in the packed kernel, where the other is gone', async () => ({ 'arch/x86/boot/bzImage': bzImage(await kernelWith('builder')) }), pair('builder')],
    ['is the one beside a kernel that is gone', async () => ({ 'certs/signing_key.x509': await der('builder') }), pair('builder')],
    ['has a certificate that was renewed under its old serial number', async () => ({ vmlinux: await kernelWith('builder') }), pair('builder', 'renewed')],
    ['cannot be compared with anything', () => Promise.resolve({}), pair('other')],
    ['cannot be compared with what is no kernel', () => Promise.resolve({ vmlinux: Buffer.alloc(4096), 'arch/x86/boot/bzImage': Buffer.alloc(8192) }), pair('other')],
  ])('is taken when it %s', async (_what, files, signing) => {
    const { locked, warnings } = await resolved({ files: await files() ?? {} }, signing)
    expect([locked.signing?.key.policy, warnings]).toEqual(['file', []])
  })

  test.each<[string, () => Promise<Tree['files']>]>([
    ['vmlinux', async () => ({ vmlinux: await kernelWith('builder'), 'certs/signing_key.x509': await der('other') })],
    ['arch/x86/boot/bzImage', async () => ({ 'arch/x86/boot/bzImage': bzImage(await kernelWith('builder')) })],
    ['certs/signing_key.x509', async () => ({ 'certs/signing_key.x509': await der('builder') })],
  ])('is refused when %s has another, with both named', async (from, files) => {
    expect(await rejection(resolved({ files: await files() ?? {} }, pair('other')))).toMatchObject({
      code: 'E_KEY_MISMATCH', exitStatus: 65, hint: expect.stringContaining('of the build that made the kernel'),
      message: `the kernel ${release} does not have the certificate ${keys}/other.pem ("other", serial number ${serials['other'] ?? ''}): in ${from} is "builder" (${serials['builder'] ?? ''}); it would refuse the modules`,
    })
  })

  test('is refused under another serial number, by which signatures name it', async () => {
    expect(await rejection(resolved({ files: { vmlinux: await kernelWith('ca', 'builder') } }, pair('builder', 'renumbered')))).toMatchObject({
      code: 'E_KEY_MISMATCH', message: expect.stringContaining(`in vmlinux are "ca" (${serials['ca'] ?? ''}), "builder" (`), hint: expect.stringContaining(`of the same key, with serial number ${serials['builder'] ?? ''}`),
    })
  })

  test.each([
    ['only looks at signatures', looks, /does not have the certificate .*; it loads the modules all the same, as if they were not signed$/],
    ['asks the firmware too', `${forces}CONFIG_INTEGRITY_PLATFORM_KEYRING=y\n`, /does not have the certificate .* only on a router whose firmware vouches for that certificate/],
  ])('is warned of when the kernel %s', async (_what, config, warning) => {
    expect((await resolved({ config, files: { vmlinux: await kernelWith('builder') } }, pair('other'))).warnings).toEqual([expect.stringMatching(warning)])
  })

  test('is not judged by the build\'s certificate alone where the configuration names more', async () => {
    const config = forces.replace('CONFIG_SYSTEM_TRUSTED_KEYS=""', 'CONFIG_SYSTEM_TRUSTED_KEYS="ours.pem"')
    expect((await resolved({ config, files: { 'certs/signing_key.x509': await der('builder') } }, pair('other'))).warnings).toEqual([])
  })
})

describe('signing is refused for a kernel', () => {
  test.each<[string, Tree, Record<string, string>, string, string]>([
    ['that knows no signatures', { config: base }, {}, 'E_TARGET', `modules.signing: the kernel ${release} is configured without CONFIG_MODULE_SIG, so it looks at no signature`],
    ['without the program that signs', { signFile: false }, {}, 'E_KERNEL', `modules.signing: the build tree of ${release} has no scripts/sign-file, which signs modules`],
    ['without the digest that the target wants', {}, { hash: 'sha256' }, 'E_TARGET', `modules.signing.hash: the kernel ${release} is configured without CONFIG_CRYPTO_SHA256, so it cannot check signatures over sha256`],
  ])('%s', async (_what, tree, more, code, message) => {
    expect(await rejection(resolved(tree, { ...pair('builder'), ...more }))).toMatchObject({ code, exitStatus: 65, message })
  })

  test('but not for one whose digest serves two lengths', async () => {
    expect((await resolved({}, { ...pair('builder'), hash: 'sha384' })).locked.signing?.hash).toBe('sha384')
  })
})
