import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { sha256Of } from '../../scripts/lib/digest.ts'
import { expectEqual, ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { Certificate } from '../../scripts/formats/x509.ts'
import { readCertificate } from './certificate.ts'
import { checkToken, type TokenDeps, type TokenKey } from './token.ts'
import type { KernelKeyLocked, KernelKeySpec, KeptKeyLocked, ModulesKeySpec } from './spec.ts'

/** A private key in memory. It goes to programs through a pipe: never to a disk, an argument or a log. */
export interface PemKey {
  policy: 'file' | 'ephemeral'
  pem: string
  certificate: Certificate
}

/** A key that is ready to sign and belongs to its certificate. */
export type SigningKey = PemKey | TokenKey

/** What the lock says of a key; the pair is tried, so that a wrong one is found before anything is built. `section`: of the target, for hints. @throws as openKey */
export function lockKey(spec: ModulesKeySpec, targetDir: string, deps: TokenDeps, section?: string): Promise<KeptKeyLocked>
export function lockKey(spec: KernelKeySpec, targetDir: string, deps: TokenDeps, section?: string): Promise<KernelKeyLocked>
export async function lockKey(spec: KernelKeySpec | ModulesKeySpec, targetDir: string, deps: TokenDeps, section = 'signing'): Promise<KernelKeyLocked> {
  if (spec.key === 'none' || spec.key === 'ephemeral') return { policy: spec.key }
  const certificateFile = resolve(targetDir, spec.certificate ?? '')
  const certificateSha256 = sha256Of((await readCertificate(certificateFile, Date.now(), section)).x509.raw)
  const locked: KeptKeyLocked = spec.key.startsWith('pkcs11:')
    ? {
      policy: 'pkcs11', uri: spec.key, certificateFile, certificateSha256,
      ...(spec.library === undefined ? {} : { library: spec.library }), ...(spec.pin === undefined ? {} : { pinFile: resolve(targetDir, spec.pin) }),
    }
    : { policy: 'file', keyFile: resolve(targetDir, spec.key), certificateFile, certificateSha256 }
  await openKey(locked, deps, section)
  return locked
}

/**
 * The key that the lock names, with its certificate.
 * @throws ForgeError E_KEY_MISSING, E_KEY_PASSPHRASE, E_KEY, E_KEY_MISMATCH, E_CERTIFICATE, E_CERTIFICATE_EXPIRED, E_LOCK_STALE
 */
export async function openKey(locked: KeptKeyLocked, deps: TokenDeps, section = 'signing'): Promise<SigningKey> {
  const certificate = await readCertificate(locked.certificateFile, Date.now(), section)
  expectEqual(sha256Of(certificate.x509.raw), locked.certificateSha256, 'E_LOCK_STALE', `the digest of the certificate ${locked.certificateFile}`, 'resolve anew with --update')
  requireRsa(certificate.x509.publicKey, locked.certificateFile)
  switch (locked.policy) {
    case 'file': {
      const pem = await readPrivateKey(locked.keyFile, section)
      if (!certificate.x509.checkPrivateKey(pem)) {
        throw new ForgeError('E_KEY_MISMATCH', `the key ${locked.keyFile} does not belong to the certificate ${locked.certificateFile}`, { hint: 'give the key and the certificate of one pair' })
      }
      return { policy: 'file', pem: pem.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate }
    }
    case 'pkcs11': {
      const key: TokenKey = { policy: 'pkcs11', uri: locked.uri, library: locked.library, pin: await readPin(locked.pinFile), certificateFile: locked.certificateFile, certificate }
      await checkToken(key, deps)
      return key
    }
    default:
      return locked satisfies never
  }
}

async function readPrivateKey(file: string, section: string): Promise<KeyObject> {
  const text = await readFile(file, 'latin1').catch((cause: unknown) => {
    throw new ForgeError('E_KEY_MISSING', `the private key ${file} ${isErrno(cause, 'ENOENT') ? 'does not exist' : 'cannot be read'}`, { hint: `correct ${section}.key in the target${section === 'signing' ? '; VyOS\'s kernel build destroys its own key when it ends' : ''}`, cause })
  })
  if (/^(-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(text)) {
    throw new ForgeError('E_KEY_PASSPHRASE', `the private key ${file} has a passphrase`, { hint: `write it without one where only you can read it: openssl pkey -in ${file} -out NEW.pem` })
  }
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch {
    // Node's own words may quote what it read.
    throw new ForgeError('E_KEY', `${file} is not a private key in PEM`, { hint: 'give an RSA key as `openssl genpkey -algorithm RSA` writes it' })
  }
  requireRsa(key, file)
  return key
}

function requireRsa(key: KeyObject, file: string): void {
  if (key.asymmetricKeyType === 'rsa') return
  throw new ForgeError('E_KEY', `the key of ${file} is of the type ${key.asymmetricKeyType ?? 'unknown'}; signing is done with RSA keys here`, {
    hint: 'signatures of RSA keys are the same every time, so that builds are too; make a key with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out KEY.pem',
  })
}

async function readPin(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ForgeError('E_KEY_MISSING', `the file with the token's PIN, ${file}, ${isErrno(cause, 'ENOENT') ? 'does not exist' : 'cannot be read'}`, { hint: 'correct signing.pin in the target', cause })
  })
  return text.replace(/\r?\n$/, '')
}
