import { generateKeyPair, randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runInRoot } from '../../scripts/lib/build-root.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { parseCertificate } from '../../scripts/formats/x509.ts'
import type { PemKey } from './key.ts'

// What a kernel build writes for a key of its own.
const request = [
  '[req]', 'distinguished_name = name', 'prompt = no', 'string_mask = utf8only', 'x509_extensions = extensions',
  '[name]', 'O = nat64-forge', 'CN = throw-away kernel key',
  '[extensions]', 'basicConstraints = critical,CA:FALSE', 'keyUsage = digitalSignature', 'subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid', '',
].join('\n')

/** A new RSA key that exists in this process alone and ends with it, and its certificate, made by the build root's openssl. */
export async function makeEphemeralKey(root: string, { exec, workDir }: { exec: Exec; workDir: string }): Promise<PemKey> {
  const { privateKey: pem } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 4096, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const dir = join(workDir, 'ephemeral')
  await mkdir(dir, { recursive: true })
  try {
    await writeFile(join(dir, 'request.cnf'), request)
    const serial = `0x40${randomBytes(15).toString('hex')}`
    await runInRoot(exec, [
      'openssl', 'req', '-x509', '-new', '-sha512', '-days', '36500', '-set_serial', serial,
      '-config', '/build/certificate/request.cnf', '-key', '/build/key.pem', '-outform', 'DER', '-out', '/build/certificate/certificate.der',
    ], {
      root, binds: [{ from: dir, to: '/build/certificate', writable: true }], secret: { text: pem, to: '/build/key.pem' }, doing: 'make the certificate of the throw-away key',
    })
    return { policy: 'ephemeral', pem, certificate: parseCertificate(await readFile(join(dir, 'certificate.der'))) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
