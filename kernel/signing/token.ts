import { constants, randomBytes, verify } from 'node:crypto'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { Certificate } from '../../scripts/formats/x509.ts'

/** A key that a token keeps to itself. */
export interface TokenKey {
  policy: 'pkcs11'
  /** Without a PIN. */
  uri: string
  /** The token's PKCS#11 library; without one, p11-kit's list. */
  library: string | undefined
  pin: string | undefined
  certificateFile: string
  certificate: Certificate
}

export interface TokenDeps {
  exec: Exec
  /** For files that are not secret: what is signed, and signatures. */
  workDir: string
}

/** openssl's door to tokens. The token's own software stays on the host, where its drivers and daemons are. */
export const pkcs11Engine = '/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so'

/**
 * Lets the token sign something, and checks that with the certificate.
 * @throws ForgeError E_HOST_PACKAGES, E_KEY_MISSING, E_KEY_PASSPHRASE, E_KEY_MISMATCH
 */
export async function checkToken(key: TokenKey, deps: TokenDeps): Promise<void> {
  if (await isAbsent(pkcs11Engine)) {
    throw new ForgeError('E_HOST_PACKAGES', 'openssl cannot use tokens on this host', { hint: 'apt-get install --no-install-recommends libengine-pkcs11-openssl openssl' })
  }
  if (key.library !== undefined && await isAbsent(key.library)) {
    throw new ForgeError('E_KEY_MISSING', `the token's library ${key.library} does not exist`, { hint: 'install the token\'s software, or correct signing.library in the target' })
  }
  const dir = await mkdtemp(join(deps.workDir, 'token-'))
  try {
    const [challenge, signature] = [join(dir, 'challenge'), join(dir, 'signature')]
    await writeFile(challenge, randomBytes(32))
    await askToken(key, ['dgst', '-sha256', '-sign', key.uri, '-out', signature, ...tokenWords(key), challenge], deps)
    const publicKey = { key: key.certificate.x509.publicKey, padding: constants.RSA_PKCS1_PADDING }
    if (!verify('sha256', await readFile(challenge), publicKey, await readFile(signature))) {
      throw new ForgeError('E_KEY_MISMATCH', `the key ${key.uri} does not belong to the certificate ${key.certificateFile}`, { hint: 'give the key and the certificate of one pair' })
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** A detached CMS signature of a file, of the form that sign-file appends: no certificates, no attributes. @throws ForgeError E_KEY_MISSING, E_KEY_PASSPHRASE */
export async function signByToken(key: TokenKey, file: string, hash: string, signature: string, deps: TokenDeps): Promise<void> {
  await askToken(key, [
    'cms', '-sign', '-binary', '-noattr', '-nocerts', '-nosmimecap', '-md', hash, '-signer', key.certificateFile, '-inkey', key.uri,
    ...tokenWords(key), '-in', file, '-outform', 'DER', '-out', signature,
  ], deps)
}

function tokenWords({ pin }: TokenKey): string[] {
  return ['-engine', 'pkcs11', '-keyform', 'engine', ...(pin === undefined ? [] : ['-passin', 'stdin'])]
}

async function askToken({ uri, library, pin }: TokenKey, words: readonly string[], { exec }: TokenDeps): Promise<void> {
  try {
    await exec(['openssl', ...words], {
      doing: 'sign with the token', timeoutMs: 60_000, tolerated: true,
      ...(library === undefined ? {} : { env: { PKCS11_MODULE_PATH: library } }), ...(pin === undefined ? {} : { input: `${pin}\n` }),
    })
  } catch (error) {
    if (!(error instanceof ForgeError) || error.code !== 'E_COMMAND') throw error
    const words_ = { cause: error, ...(error.details === undefined ? {} : { details: error.details }) }
    if (/login (to token )?failed|no pin code|pin (incorrect|locked)/i.test(error.details ?? '')) {
      throw new ForgeError('E_KEY_PASSPHRASE', `the token with ${uri} does not accept the PIN${pin === undefined ? ' (none was given)' : ''}`, { hint: 'correct the file that signing.pin names; tokens lock themselves after a few wrong PINs', ...words_ })
    }
    throw new ForgeError('E_KEY_MISSING', `the token has no usable private key ${uri}`, { hint: 'check that the token is there and what is on it: pkcs11-tool --module LIBRARY --login --list-objects', ...words_ })
  }
}

async function isAbsent(path: string): Promise<boolean> {
  return access(path).then(() => false, () => true)
}
