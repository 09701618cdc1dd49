import { execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ModulesArtifact } from '../../kernel/modules/artifact.ts'
import { pkcs11Engine } from '../../kernel/signing/token.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import type { LogEvent } from '../../scripts/lib/log.ts'
import { prepare } from '../../scripts/pipeline/prepare.ts'
import { runStages } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages } from '../../scripts/pipeline/stages.ts'
import type { Stored } from '../../scripts/pipeline/stage.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { makeKernelKey, type KernelKey } from '../support/kernel-key.ts'
import { rejection } from '../support/rejection.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const softhsm = '/usr/lib/softhsm/libsofthsm2.so'
const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'modinfo', 'openssl', 'softhsm2-util', softhsm, pkcs11Engine) && process.getuid?.() === 0
const wanted = stages.filter((stage) => ['source', 'headers', 'modules'].includes(stage.name))
const pin = '24681357'

// Debian's kernel and its sign-file, a small project in the shape of Jool's, and one key in a file and on a token.
describe.skipIf(!tools)('modules that are signed', () => {
  let dir = ''
  let store = ''
  let session: Session
  let pair: KernelKey
  const started = Date.now()
  const events: LogEvent[] = []

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    store = await testStore()
    await cp(join(process.cwd(), 'test/fixtures/jool-fixture'), join(dir, 'jool-4.1.13'), { recursive: true })
    // Its own, so that the store has no copy of it from another test.
    await writeFile(join(dir, 'jool-4.1.13/NEWS'), `signed ${String(Date.now())}\n`)
    pair = makeKernelKey(dir, 'builder')
    makeKernelKey(dir, 'other')
    await mkdir(join(dir, '.config/softhsm2'), { recursive: true })
    await mkdir(join(dir, 'tokens'))
    await writeFile(join(dir, '.config/softhsm2/softhsm2.conf'), `directories.tokendir = ${dir}/tokens\nobjectstore.backend = file\n`)
    vi.stubEnv('HOME', dir)
    const token = (...words: string[]): void => { execFileSync('softhsm2-util', words, { stdio: 'ignore' }) }
    token('--init-token', '--free', '--label', 'router', '--so-pin', '87654321', '--pin', pin)
    token('--import', pair.key, '--token', 'router', '--label', 'kernel', '--id', 'a1', '--pin', pin)
    await writeFile(join(dir, 'pin'), `${pin}\n`)
    session = await Session.open({
      storeDir: store, outDir: join(dir, 'out'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false,
      jobs: 2, signal: new AbortController().signal, emit: (event) => { events.push(event) },
    })
  })

  afterAll(async () => {
    await session[Symbol.asyncDispose]()
    vi.unstubAllEnvs()
  })

  async function build(name: string, signing: string): Promise<Stored<ModulesArtifact>> {
    await writeFile(join(dir, `${name}.yaml`), `target: ${name}\nsuite: bookworm\nsource: { provider: directory, path: jool-4.1.13 }\nmodules:\n  signing: ${signing}\n`)
    const prepared = await prepare(await loadTarget(join(dir, `${name}.yaml`), wanted), { update: false }, wanted, session)
    const modules = (await runStages(prepared, { until: 'modules' }, wanted, session)).at(-1)
    return { ...modules?.artifact as ModulesArtifact, dir: modules?.dir ?? '' }
  }

  const modinfo = (path: string, field: string): string => execFileSync('modinfo', ['-F', field, path], { encoding: 'utf8' }).trim()
  let inFile: Stored<ModulesArtifact> | undefined

  test('by a key in a file carry its name, serial number and the hash that was asked for, as modinfo reads them', async () => {
    inFile = await build('in-file', '{ key: builder.key, certificate: builder.pem, hash: sha512 }')
    const serial = execFileSync('openssl', ['x509', '-in', pair.certificate, '-noout', '-serial'], { encoding: 'utf8' }).trim().replace('serial=', '').toLowerCase()
    expect(inFile.signature).toEqual({ signer: 'builder', keyId: serial, hash: 'sha512' })
    for (const { name, file, sha256 } of inFile.modules) {
      const path = join(inFile.dir, file)
      expect([name, modinfo(path, 'signer'), modinfo(path, 'sig_key').replaceAll(':', '').toLowerCase(), modinfo(path, 'sig_hashalgo')]).toEqual([name, 'builder', serial, 'sha512'])
      expect(await sha256File(path)).toBe(sha256)
      // Stripped before it was signed.
      expect(execFileSync('readelf', ['-S', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).not.toContain('.debug_info')
    }
  })

  test('by the same key on a token are the same bytes', async () => {
    const onToken = await build('on-token', `{ key: "pkcs11:token=router;object=kernel", certificate: builder.pem, library: ${softhsm}, pin: pin, hash: sha512 }`)
    expect(onToken.modules.map(({ sha256 }) => sha256)).toEqual(inFile?.modules.map(({ sha256 }) => sha256))
  })

  test('by default use the hash in the kernel\'s configuration', async () => {
    expect((await build('default-hash', '{ key: builder.key, certificate: builder.pem }')).signature?.hash).toBe('sha256')
  })

  test('leave nothing of the private key and the PIN in store, output, logs and lock', async () => {
    const secrets = [...(await readFile(pair.key, 'utf8')).split('\n').filter((line) => line.length === 64).slice(1, 4), pin]
    expect(secrets).toHaveLength(4)
    let read = 0
    for (const root of [store, join(dir, 'out')]) {
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
        if (!entry.isFile() || /\/(build-root|blobs|ccache)\//.test(`${entry.parentPath}/`)) continue
        const path = join(entry.parentPath, entry.name)
        // Another run on a shared store may remove its own scratch meanwhile.
        const changed = await stat(path).then((info) => info.ctimeMs, () => 0)
        if (changed < started) continue
        read += 1
        const bytes = await readFile(path).catch(() => Buffer.alloc(0))
        for (const secret of secrets) if (bytes.includes(secret)) throw new Error(`${path} holds a secret`)
      }
    }
    expect(read).toBeGreaterThan(10)
    const said = JSON.stringify(events)
    expect(said).toContain('sign-file')
    for (const secret of secrets) expect(said).not.toContain(secret)
  })

  test('with a key of another certificate: refused before anything is built', async () => {
    const from = events.length
    expect(await rejection(build('mismatch', '{ key: other.key, certificate: builder.pem }'))).toMatchObject({ code: 'E_KEY_MISMATCH' })
    expect(JSON.stringify(events.slice(from))).not.toContain('make')
  })
})
