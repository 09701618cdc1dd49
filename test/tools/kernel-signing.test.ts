import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { lockKey, openKey, type PemKey } from '../../kernel/signing/key.ts'
import { signModules } from '../../kernel/signing/sign.ts'
import { pkcs11Engine } from '../../kernel/signing/token.ts'
import { verifyModuleSignature } from '../../kernel/signing/verify.ts'
import { createExec, type Argv, type Exec, type ExecOptions } from '../../scripts/lib/exec.ts'
import { createLog, type LogEvent } from '../../scripts/lib/log.ts'
import { makeKernelKey, type KernelKey } from '../support/kernel-key.ts'
import { rejection } from '../support/rejection.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const softhsm = '/usr/lib/softhsm/libsofthsm2.so'
const noExec: Exec = (argv) => Promise.reject(new Error(`not expected: ${argv.join(' ')}`))

describe.skipIf(!needsTools('openssl'))('a key in a file', () => {
  let dir: string
  let good: KernelKey
  let other: KernelKey
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    good = makeKernelKey(dir, 'good')
    other = makeKernelKey(dir, 'other')
    const openssl = (...words: string[]): void => { execFileSync('openssl', words, { stdio: 'ignore' }) }
    openssl('pkcs8', '-topk8', '-in', good.key, '-passout', 'pass:secret', '-out', join(dir, 'pkcs8-passphrase.key'))
    openssl('rsa', '-traditional', '-aes256', '-in', good.key, '-passout', 'pass:secret', '-out', join(dir, 'old-passphrase.key'))
    openssl('x509', '-in', good.certificate, '-outform', 'DER', '-out', join(dir, 'good.der'))
    makeKernelKey(dir, 'elliptic', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'])
    await writeFile(join(dir, 'junk'), 'junk\n')
    await writeFile(join(dir, 'two.pem'), `${await readFile(good.certificate, 'utf8')}${await readFile(other.certificate, 'utf8')}`)
  })
  afterEach(() => { vi.useRealTimers() })

  const lock = (key: string, certificate: string): Promise<unknown> => lockKey({ key, certificate }, dir, { exec: noExec, workDir: dir })

  test('is locked by its certificate\'s digest and its place; nothing of the key is in the lock', async () => {
    const locked = await lock('good.key', 'good.pem')
    const der = await readFile(join(dir, 'good.der'))
    expect(locked).toEqual({ policy: 'file', keyFile: good.key, certificateFile: good.certificate, certificateSha256: createHash('sha256').update(der).digest('hex') })
    expect(await lock('good.key', 'good.der')).toMatchObject({ certificateSha256: (locked as { certificateSha256: string }).certificateSha256 })
  })

  test.each([
    ['absent.key', 'good.pem', 'E_KEY_MISSING', 'the private key DIR/absent.key does not exist'],
    ['good.key', 'absent.pem', 'E_KEY_MISSING', 'the certificate DIR/absent.pem does not exist'],
    ['other.key', 'good.pem', 'E_KEY_MISMATCH', 'the key DIR/other.key does not belong to the certificate DIR/good.pem'],
    ['pkcs8-passphrase.key', 'good.pem', 'E_KEY_PASSPHRASE', 'the private key DIR/pkcs8-passphrase.key has a passphrase'],
    ['old-passphrase.key', 'good.pem', 'E_KEY_PASSPHRASE', 'the private key DIR/old-passphrase.key has a passphrase'],
    ['junk', 'good.pem', 'E_KEY', 'DIR/junk is not a private key in PEM'],
    ['good.pem', 'good.pem', 'E_KEY', 'DIR/good.pem is not a private key in PEM'],
    ['elliptic.key', 'elliptic.pem', 'E_KEY', 'the key of DIR/elliptic.pem is of the type ec; signing is done with RSA keys here'],
    ['good.key', 'junk', 'E_CERTIFICATE', 'DIR/junk is not an X.509 certificate'],
    ['good.key', 'two.pem', 'E_CERTIFICATE', 'DIR/two.pem holds 2 certificates'],
  ])('%s with %s: %s', async (key, certificate, code, message) => {
    const error = await rejection(lock(key, certificate))
    expect([error.code, error.message.replaceAll(dir, 'DIR')]).toEqual([code, message])
    expect(error.hint).toBeTruthy()
  })

  test('with a certificate that is out of date, or not yet valid, is refused', async () => {
    const days = 24 * 60 * 60_000
    const now = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: now + 31 * days })
    expect(await rejection(lock('good.key', 'good.pem'))).toMatchObject({ code: 'E_CERTIFICATE_EXPIRED', message: expect.stringMatching(/good\.pem was valid until /) })
    vi.setSystemTime(now - days)
    expect(await rejection(lock('good.key', 'good.pem'))).toMatchObject({ code: 'E_CERTIFICATE_EXPIRED', message: expect.stringMatching(/good\.pem is valid from .* on$/) })
  })

  test('whose certificate is another than the lock says is refused', async () => {
    const locked = await lockKey({ key: 'good.key', certificate: 'good.pem' }, dir, { exec: noExec, workDir: dir })
    if (locked.policy !== 'file') throw new Error('not a file')
    expect(await rejection(openKey({ ...locked, keyFile: other.key, certificateFile: other.certificate }, { exec: noExec, workDir: dir }))).toMatchObject({ code: 'E_LOCK_STALE' })
  })

  test('goes to sign-file through a pipe: not in an argument, not in the log, not on the disk', async () => {
    const key = await openKey(await lockKey({ key: 'good.key', certificate: 'good.pem' }, dir, { exec: noExec, workDir: dir }), { exec: noExec, workDir: dir }) as PemKey
    const work = await temporaryFolder()
    await mkdir(join(work, 'modules'))
    await writeFile(join(work, 'modules/a.ko'), 'unsigned')
    const calls: { argv: Argv; options: ExecOptions | undefined }[] = []
    let onDisk: string[] = []
    const exec: Exec = async (argv, options) => {
      calls.push({ argv, options })
      onDisk = await Promise.all((await readdir(work, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')))
      return { stdout: '', stderr: '', exitStatus: 0 }
    }
    const input = { root: '/root', buildTree: '/usr/src/tree', binds: [{ from: '/h', to: '/usr/src' }], dir: join(work, 'modules'), modules: ['a.ko'], key, hash: 'sha512', jobs: 2 }
    // The program that should have signed did not: that is noticed.
    expect(await rejection(signModules(input, { exec, workDir: work }))).toMatchObject({ code: 'E_MODULE_SIGNATURE', message: 'a.ko has no signature' })
    expect(calls).toHaveLength(1)
    const [{ argv, options }] = calls as [typeof calls[number]]
    expect(argv.slice(argv.lastIndexOf('/usr/src') - 2)).toEqual([
      '--ro-bind', '/h', '/usr/src', '--bind', `${work}/modules`, '/build/modules', '--ro-bind', `${work}/signing-certificate.pem`, '/build/certificate.pem', '--ro-bind', `${work}/signing-list`, '/build/list',
      '--ro-bind-data', '0', '/build/key.pem', '--chdir', '/build/modules', '--',
      'xargs', '-a', '/build/list', '-d', '\\n', '-n', '1', '-P', '2', '/usr/src/tree/scripts/sign-file', 'sha512', '/build/key.pem', '/build/certificate.pem',
    ])
    expect(options?.input).toBe(key.pem)
    expect(options?.env).toBeUndefined()
    expect(onDisk.length).toBe(3)
    expect(onDisk.join('')).not.toContain('PRIVATE KEY')
    expect(await readdir(work)).toEqual(['modules'])
  })
})

// A token that keeps its key to itself, and openssl's way to it.
describe.skipIf(!needsTools('openssl', 'softhsm2-util', softhsm, pkcs11Engine))('a key on a token', () => {
  let dir: string
  let pair: KernelKey
  let exec: Exec
  const uri = 'pkcs11:token=router;object=kernel'
  const events: LogEvent[] = []

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    pair = makeKernelKey(dir, 'token')
    makeKernelKey(dir, 'other')
    await mkdir(join(dir, '.config/softhsm2'), { recursive: true })
    await mkdir(join(dir, 'tokens'))
    await writeFile(join(dir, '.config/softhsm2/softhsm2.conf'), `directories.tokendir = ${dir}/tokens\nobjectstore.backend = file\n`)
    const softhsmUtil = (...words: string[]): void => { execFileSync('softhsm2-util', words, { stdio: 'ignore', env: { ...process.env, HOME: dir } }) }
    softhsmUtil('--init-token', '--free', '--label', 'router', '--so-pin', '87654321', '--pin', '24681357')
    softhsmUtil('--import', pair.key, '--token', 'router', '--label', 'kernel', '--id', 'a1', '--pin', '24681357')
    await writeFile(join(dir, 'pin'), '24681357\n')
    await writeFile(join(dir, 'wrong-pin'), '11112222\n')
    const real = createExec({ log: createLog((event) => { events.push(event) }) })
    exec = (argv, options) => real(argv, { ...options, env: { ...options?.env, HOME: dir } })
  })

  const lock = (more: Record<string, string> = {}): Promise<unknown> => lockKey({ key: uri, certificate: 'token.pem', library: softhsm, pin: 'pin', ...more }, dir, { exec, workDir: dir })

  test('is tried when it is locked; the PIN stays in its file', async () => {
    expect(await lock()).toEqual({ policy: 'pkcs11', uri, library: softhsm, pinFile: join(dir, 'pin'), certificateFile: pair.certificate, certificateSha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(JSON.stringify(events)).toContain('openssl dgst')
    expect(JSON.stringify(events)).not.toContain('24681357')
    expect((await readdir(dir)).filter((name) => name.startsWith('token-'))).toEqual([])
  })

  test.each([
    [{ pin: 'wrong-pin' }, 'E_KEY_PASSPHRASE', `the token with ${uri} does not accept the PIN`],
    [{ certificate: 'other.pem' }, 'E_KEY_MISMATCH', `the key ${uri} does not belong to the certificate DIR/other.pem`],
    [{ key: 'pkcs11:token=router;object=none' }, 'E_KEY_MISSING', 'the token has no usable private key pkcs11:token=router;object=none'],
    [{ key: 'pkcs11:token=unplugged;object=kernel' }, 'E_KEY_MISSING', 'the token has no usable private key pkcs11:token=unplugged;object=kernel'],
    [{ library: '/usr/lib/none.so' }, 'E_KEY_MISSING', 'the token\'s library /usr/lib/none.so does not exist'],
    [{ pin: 'no-pin' }, 'E_KEY_MISSING', 'the file with the token\'s PIN, DIR/no-pin, does not exist'],
  ])('with %j is refused: %s', async (more, code, message) => {
    const error = await rejection(lock(more))
    expect([error.code, error.message.replaceAll(dir, 'DIR')]).toEqual([code, message])
  })

  test('without the PIN that it wants is refused', async () => {
    expect(await rejection(lockKey({ key: uri, certificate: 'token.pem', library: softhsm }, dir, { exec, workDir: dir }))).toMatchObject({ code: 'E_KEY_PASSPHRASE', message: `the token with ${uri} does not accept the PIN (none was given)` })
  })
})

// What sign-file makes, made by openssl and by hand.
describe.skipIf(!needsTools('openssl'))('a signature that is read back', () => {
  async function signed(dir: string, pair: KernelKey, { hash = 'sha512', content = 'a module\'s bytes' } = {}): Promise<Buffer> {
    await writeFile(join(dir, 'content'), content)
    execFileSync('openssl', ['cms', '-sign', '-binary', '-noattr', '-nocerts', '-nosmimecap', '-md', hash, '-signer', pair.certificate, '-inkey', pair.key, '-in', join(dir, 'content'), '-outform', 'DER', '-out', join(dir, 'p7s')])
    const p7s = await readFile(join(dir, 'p7s'))
    const trailer = Buffer.alloc(12)
    trailer[2] = 2
    trailer.writeUInt32BE(p7s.length, 8)
    return Buffer.concat([Buffer.from(content), p7s, trailer, Buffer.from('~Module signature appended~\n')])
  }

  test('is the expected one, or it is said what is wrong', async () => {
    const dir = await temporaryFolder()
    const [good, other] = [makeKernelKey(dir, 'good'), makeKernelKey(dir, 'other')]
    const { certificate } = await openKey(await lockKey({ key: good.key, certificate: good.certificate }, dir, { exec: noExec, workDir: dir }), { exec: noExec, workDir: dir })
    const expected = { certificate, hash: 'sha512' }
    const check = (bytes: Buffer): void => { verifyModuleSignature(bytes, 'jool.ko', expected) }
    const bytes = await signed(dir, good)
    expect(() => { check(bytes) }).not.toThrow()

    const changed = Buffer.from(bytes)
    changed[3] = (changed[3] ?? 0) ^ 1
    expect(await rejection(() => { check(changed) })).toMatchObject({ code: 'E_MODULE_SIGNATURE', message: 'jool.ko was changed after "good" signed it, or was signed by another key' })
    expect(await rejection(() => { check(Buffer.from('a module\'s bytes')) })).toMatchObject({ code: 'E_MODULE_SIGNATURE', message: 'jool.ko has no signature' })
    const byOther = await signed(dir, other)
    expect(await rejection(() => { check(byOther) })).toMatchObject({ code: 'E_MODULE_SIGNATURE', message: expect.stringMatching(/^jool\.ko is signed by "other" [0-9a-f]+, not by "good" [0-9a-f]+$/) })
    const weak = await signed(dir, good, { hash: 'sha256' })
    expect(await rejection(() => { check(weak) })).toMatchObject({ code: 'E_MODULE_SIGNATURE', message: 'jool.ko is signed with sha256, not with sha512' })
  })
})
