import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

export interface SigningKey {
  fingerprint: string
  /** Seconds since 1970; no signature can be older than its key. */
  createdEpoch: number
}

/** @throws ForgeError E_TARGET when the file holds no secret key */
export async function readSigningKey(keyFile: string, workDir: string, exec: Exec): Promise<SigningKey> {
  return await withKey(keyFile, workDir, exec, (_gpg, key) => Promise.resolve(key))
}

/**
 * Writes InRelease, Release.gpg and the public key. The secret key is in a keyring of its own for as long as it signs.
 * @throws ForgeError E_TARGET when the file is not the key that was locked
 */
export async function signRelease(
  signing: { keyFile: string; fingerprint: string }, epochSeconds: number, aptDir: string, keyring: string, workDir: string, exec: Exec,
): Promise<void> {
  await withKey(signing.keyFile, workDir, exec, async (gpg, key) => {
    if (key.fingerprint !== signing.fingerprint) {
      throw new ForgeError('E_TARGET', `the signing key is ${key.fingerprint}, the lock names ${signing.fingerprint}`, { hint: 'give the same key, or resolve anew with --update' })
    }
    const at = [`--faked-system-time=${String(Math.max(epochSeconds, key.createdEpoch))}!`, `--local-user=${key.fingerprint}`, '--digest-algo=SHA512']
    await gpg([...at, '--armor', '--output', join(aptDir, 'Release.gpg'), '--detach-sign', join(aptDir, 'Release')])
    await gpg([...at, '--output', join(aptDir, 'InRelease'), '--clear-sign', join(aptDir, 'Release')])
    await gpg(['--output', keyring, '--export', key.fingerprint])
  })
}

type Gpg = (args: readonly string[]) => Promise<string>

async function withKey<T>(keyFile: string, workDir: string, exec: Exec, use: (gpg: Gpg, key: SigningKey) => Promise<T>): Promise<T> {
  // gpg-agent's socket lies in this folder, and a socket's path has at most 107 bytes.
  const home = await mkdtemp(join(workDir.length < 75 ? workDir : tmpdir(), 'gpg-'))
  try {
    const gpg: Gpg = async (args) => (await exec(['gpg', '--homedir', home, '--batch', '--no-tty', '--quiet', '--pinentry-mode=error', ...args], {
      doing: 'sign the repository', errorCode: 'E_TARGET', hint: 'debs.signing.key must be an OpenPGP secret key without a passphrase', timeoutMs: 60_000,
    })).stdout
    await gpg(['--import', keyFile])
    return await use(gpg, parseKey(await gpg(['--with-colons', '--list-secret-keys']), keyFile))
  } finally {
    // The agent that gpg started knows the key: it must not outlive this.
    await exec(['gpgconf', '--homedir', home, '--kill', 'all'], { doing: 'end gpg-agent' })
    await rm(home, { recursive: true, force: true })
  }
}

function parseKey(listing: string, keyFile: string): SigningKey {
  const rows = listing.split('\n').map((line) => line.split(':'))
  const primaries = rows.filter(([type]) => type === 'sec')
  const fingerprint = rows.find(([type]) => type === 'fpr')?.[9]
  const created = Number(primaries[0]?.[5])
  if (primaries.length !== 1 || fingerprint === undefined || !Number.isFinite(created)) {
    throw new ForgeError('E_TARGET', `${keyFile} holds ${String(primaries.length)} secret keys, expected one`)
  }
  return { fingerprint, createdEpoch: created }
}
