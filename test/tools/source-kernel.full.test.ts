import { execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import type { ModulesArtifact } from '../../kernel/modules/artifact.ts'
import { readCertificate } from '../../kernel/signing/certificate.ts'
import { verifyModuleSignature } from '../../kernel/signing/verify.ts'
import { parseKernelConfig } from '../../scripts/formats/kconfig.ts'
import { readModuleSignature } from '../../scripts/formats/module-signature.ts'
import { sha256File, sha256Of } from '../../scripts/lib/digest.ts'
import { prepare } from '../../scripts/pipeline/prepare.ts'
import { runStages } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages } from '../../scripts/pipeline/stages.ts'
import type { Stored } from '../../scripts/pipeline/stage.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { makeKernelKey } from '../support/kernel-key.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'modinfo', 'openssl') && process.getuid?.() === 0
const wanted = stages.filter((stage) => ['source', 'headers', 'modules'].includes(stage.name))
const hours = 60 * 60_000

interface Built {
  headers: Stored<HeadersArtifact>
  modules: Stored<ModulesArtifact>
}

// The router's kernel from Debian's sources, once from nothing; then again and again from what ccache kept.
describe.skipIf(!tools)('a kernel compiled from its sources', { timeout: 2 * hours }, () => {
  let dir = ''
  let inFile: Built
  const sessions: Session[] = []

  async function openStore(name: string, ccacheOf?: string): Promise<Session> {
    const storeDir = join(dir, name)
    const session = await Session.open({
      storeDir, outDir: join(dir, `${name}-out`), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false,
      jobs: 2, signal: new AbortController().signal, emit: () => undefined,
    })
    if (ccacheOf !== undefined) {
      await mkdir(join(storeDir, 'artifacts'), { recursive: true })
      await cp(join(dir, ccacheOf, 'artifacts/ccache'), join(storeDir, 'artifacts/ccache'), { recursive: true })
    }
    sessions.push(session)
    return session
  }

  async function build(signing: string, session: Session): Promise<Built> {
    const file = join(dir, 'target.yaml')
    await writeFile(file, `target: own\nsuite: bookworm\nheaders: { provider: source, signing: ${signing} }\n`)
    const prepared = await prepare(await loadTarget(file, wanted), { update: false }, wanted, session)
    const [, headers, modules] = await runStages(prepared, { until: 'modules' }, wanted, session)
    return { headers: { ...headers?.artifact as HeadersArtifact, dir: headers?.dir ?? '' }, modules: { ...modules?.artifact as ModulesArtifact, dir: modules?.dir ?? '' } }
  }

  /** Digests of a package's files by their names; of modules, without their signatures. */
  async function contents(deb: string, to: string): Promise<Map<string, string>> {
    execFileSync('dpkg-deb', ['-R', deb, to])
    const digests = new Map<string, string>()
    for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const bytes = await readFile(path)
      digests.set(relative(to, path), sha256Of(entry.name.endsWith('.ko') ? readModuleSignature(bytes, path)?.content ?? bytes : bytes))
    }
    return digests
  }

  const packageOf = ({ headers }: Built, kind: string): string => join(headers.dir, headers.kernelPackages?.find(({ name }) => name.startsWith(`linux-${kind}-`))?.file ?? '')

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    makeKernelKey(dir, 'builder')
    inFile = await build('{ key: builder.key, certificate: builder.pem }', await openStore('first'))
  }, 2 * hours)

  afterAll(async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]()
  })

  test('has the release, the policy and the packages that were asked for', async () => {
    const { headers } = inFile
    expect(headers).toMatchObject({ provider: 'source', release: expect.stringMatching(/^6\.12\.\d+-vyos$/), modversions: true, signing: 'forced', signer: { signer: 'builder', hash: 'sha512', certificate: 'certificate.pem' } })
    expect(headers.vermagic).toBe(`${headers.release} SMP mod_unload modversions `)
    const config = parseKernelConfig(await readFile(join(headers.dir, headers.configFile), 'utf8'))
    expect(['MODVERSIONS', 'MODULE_SIG_FORCE', 'MODULE_SIG_SHA512', 'SECURITY_LOCKDOWN_LSM', 'EFI_STUB'].filter((name) => !config.isSet(name))).toEqual([])
    expect(['TRIM_UNUSED_KSYMS', 'DEBUG_INFO', 'IO_URING'].filter((name) => config.isSet(name))).toEqual([])
    expect(headers.kernelPackages?.map(({ name }) => name)).toEqual([`linux-image-${headers.release}`, `linux-headers-${headers.release}`])
    for (const { name, version, file } of headers.kernelPackages ?? []) {
      const field = (key: string): string => execFileSync('dpkg-deb', ['-f', join(headers.dir, file), key], { encoding: 'utf8' }).trim()
      expect([field('Package'), field('Version'), field('Architecture')]).toEqual([name, version, 'amd64'])
    }
  })

  test('signs every module of its package, and Jool\'s, with that key', async () => {
    const { headers, modules } = inFile
    const expected = { certificate: await readCertificate(join(dir, 'builder.pem'), Date.now()), hash: 'sha512' }
    const image = join(dir, 'image')
    execFileSync('dpkg-deb', ['-x', packageOf(inFile, 'image'), image])
    const shipped = (await readdir(image, { recursive: true })).filter((path) => path.endsWith('.ko'))
    expect(shipped.length).toBeGreaterThan(30)
    for (const path of shipped) verifyModuleSignature(await readFile(join(image, path)), path, expected)
    for (const { file } of modules.modules) verifyModuleSignature(await readFile(join(modules.dir, file)), file, expected)
    expect(modules.signature).toEqual({ signer: 'builder', keyId: headers.signer?.keyId, hash: 'sha512' })
    expect(modules.crcsChecked).toBeGreaterThan(100)
  })

  test('is the same bytes from another store in another folder, with objects from ccache', async () => {
    const again = await build('{ key: builder.key, certificate: builder.pem }', await openStore('a-second-store', 'first'))
    expect(again.headers.dir).not.toBe(inFile.headers.dir)
    for (const kind of ['image', 'headers']) expect([kind, await sha256File(packageOf(again, kind))]).toEqual([kind, await sha256File(packageOf(inFile, kind))])
    expect(again.modules.modules.map(({ sha256 }) => sha256)).toEqual(inFile.modules.modules.map(({ sha256 }) => sha256))
  })

  test('with a throw-away key differs from the next one by that key and by nothing else', async () => {
    const one = await build('{ key: ephemeral }', await openStore('third', 'first'))
    const two = await build('{ key: ephemeral }', await openStore('fourth', 'first'))
    expect(one.modules.signature).toMatchObject({ signer: 'throw-away kernel key', hash: 'sha512' })
    expect(one.modules.signature?.keyId).not.toBe(two.modules.signature?.keyId)
    const [first, second] = [await contents(packageOf(one, 'image'), join(dir, 'one')), await contents(packageOf(two, 'image'), join(dir, 'two'))]
    expect([...first.keys()].sort()).toEqual([...second.keys()].sort())
    const release = one.headers.release
    expect([...first].filter(([path, digest]) => second.get(path) !== digest).map(([path]) => path).sort()).toEqual(['DEBIAN/md5sums', `boot/vmlinuz-${release}`])
    expect(await sha256File(packageOf(one, 'headers'))).toBe(await sha256File(packageOf(two, 'headers')))
    const unsigned = ({ modules }: Built): Promise<string[]> => Promise.all(modules.modules.map(async ({ file }) => sha256Of(readModuleSignature(await readFile(join(modules.dir, file)), file)?.content ?? '')))
    expect(await unsigned(one)).toEqual(await unsigned(two))
  })
})
