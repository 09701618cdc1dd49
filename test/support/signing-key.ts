import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A new secret key without a passphrase in `<dir>/key.asc`, made at `createdEpoch`; `<dir>` is short, as gpg-agent's socket wants it. */
export async function makeSigningKey(dir: string, createdEpoch: number): Promise<{ keyFile: string; fingerprint: string }> {
  const home = join(dir, 'g')
  await mkdir(home, { mode: 0o700 })
  const gpg = (...args: string[]): string => execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--passphrase', '', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    gpg(`--faked-system-time=${String(createdEpoch)}!`, '--quick-generate-key', 'Test <test@example.org>', 'ed25519', 'sign', 'never')
    const keyFile = join(dir, 'key.asc')
    await writeFile(keyFile, gpg('--armor', '--export-secret-keys'), { mode: 0o600 })
    return { keyFile, fingerprint: /^fpr:+([0-9A-F]+):$/m.exec(gpg('--with-colons', '--list-keys'))?.[1] ?? '' }
  } finally {
    execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'])
  }
}
