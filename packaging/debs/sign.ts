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
export async function readSigningKey(keyFile: string, exec: Exec): Promise<SigningKey> {
  const { stdout } = await exec([...inMemory(keyFile),
    'gpg', '--homedir', '/tmp', '--no-options', '--no-keyring', '--no-autostart', '--no-permission-warning', '--trust-model=always', '--batch', '--no-tty', '--quiet', '--with-colons', '--show-keys', '/tmp/key',
  ], { ...failure, doing: 'read the signing key' })
  return parseKey(stdout, keyFile)
}

/**
 * Writes InRelease, Release.gpg and the public key `keyring` into the repository. While it signs, the secret key is in a
 * keyring in memory that nobody else sees and that dies with gpg and its agent, also when all of this is killed.
 * @throws ForgeError E_TARGET when the file is not the key that was locked
 */
export async function signRelease(
  signing: { keyFile: string; fingerprint: string }, epochSeconds: number, repository: { aptDir: string; keyring: string }, exec: Exec,
): Promise<void> {
  const key = await readSigningKey(signing.keyFile, exec)
  if (key.fingerprint !== signing.fingerprint) {
    throw new ForgeError('E_TARGET', `the signing key is ${key.fingerprint}, the lock names ${signing.fingerprint}`, { hint: 'give the same key, or resolve anew with --update' })
  }
  await exec([...inMemory(signing.keyFile, '--ro-bind', program, '/tmp/sign', '--bind', repository.aptDir, '/tmp/apt'),
    'sh', '/tmp/sign', key.fingerprint, String(Math.max(epochSeconds, key.createdEpoch)), repository.keyring,
  ], { ...failure, doing: 'sign the repository' })
}

/** Start of an argv: the program has its own processes, memory for /tmp (short enough for gpg-agent's socket), and writes to no disk but what is bound. */
function inMemory(keyFile: string, ...binds: readonly string[]): Argv {
  return [
    // Root keeps its own user namespace: in a new one, a key that belongs to another user would be unreadable.
    'bwrap', '--unshare-pid', '--unshare-ipc', '--unshare-net', '--die-with-parent', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/run', '--tmpfs', '/tmp',
    '--ro-bind', keyFile, '/tmp/key', ...binds, '--chdir', '/tmp', '--',
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
