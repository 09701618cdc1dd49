import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Argv, Exec, ExecOptions } from '../../scripts/lib/exec.ts'

export interface SigningKey {
  fingerprint: string
  /** Seconds since 1970; no signature can be older than its key. */
  createdEpoch: number
}

const program = fileURLToPath(new URL('sign-release.sh', import.meta.url))
const failure: ExecOptions = { errorCode: 'E_TARGET', hint: 'debs.signing.key must be an OpenPGP secret key without a passphrase', timeoutMs: 60_000 }

/** Looks into the file only: no keyring, no agent. @throws ForgeError E_TARGET when it does not hold one secret key */
export async function readSigningKey(keyFile: string, workDir: string, exec: Exec): Promise<SigningKey> {
  // gpg wants a folder of its own even for this.
  const home = await mkdtemp(join(workDir, 'gpg-'))
  try {
    const { stdout } = await exec([
      'gpg', '--homedir', home, '--no-options', '--no-keyring', '--no-autostart', '--trust-model=always', '--batch', '--no-tty', '--quiet', '--with-colons', '--show-keys', '--', keyFile,
    ], { ...failure, doing: 'read the signing key' })
    return parseKey(stdout, keyFile)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/**
 * Writes InRelease, Release.gpg and the public key `keyring` into the repository. While it signs, the secret key is in a
 * keyring in memory that nobody else sees and that dies with gpg and its agent, also when all of this is killed.
 * @throws ForgeError E_TARGET when the file is not the key that was locked
 */
export async function signRelease(
  signing: { keyFile: string; fingerprint: string }, epochSeconds: number, repository: { aptDir: string; keyring: string }, workDir: string, exec: Exec,
): Promise<void> {
  const key = await readSigningKey(signing.keyFile, workDir, exec)
  if (key.fingerprint !== signing.fingerprint) {
    throw new ForgeError('E_TARGET', `the signing key is ${key.fingerprint}, the lock names ${signing.fingerprint}`, { hint: 'give the same key, or resolve anew with --update' })
  }
  const words = [key.fingerprint, String(Math.max(epochSeconds, key.createdEpoch)), repository.keyring] as const
  await exec(signingArgv(signing.keyFile, repository.aptDir, words), { ...failure, doing: 'sign the repository' })
}

/** argv of sign-release.sh on its own: own processes, own memory as /tmp, and of the disk only the repository is writable. */
export function signingArgv(keyFile: string, aptDir: string, words: readonly string[]): Argv {
  return [
    // Root keeps its own user namespace: in a new one, a key that belongs to another user would be unreadable.
    'bwrap', '--unshare-pid', '--unshare-ipc', '--unshare-net', '--die-with-parent', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/run', '--tmpfs', '/tmp',
    '--ro-bind', program, '/tmp/sign', '--ro-bind', keyFile, '/tmp/key', '--bind', aptDir, '/tmp/apt', '--chdir', '/tmp', '--', 'sh', '/tmp/sign', ...words,
  ]
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
