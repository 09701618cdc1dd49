import { certificatePem, readCertificate } from '../../../kernel/signing/certificate.ts'
import { lockKey, openKey } from '../../../kernel/signing/key.ts'
import type { TokenDeps } from '../../../kernel/signing/token.ts'
import { sha256Of } from '../../../scripts/lib/digest.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { SecureBootLocked, SecureBootSpec } from './spec.ts'

const section = 'iso.secureBoot'

/** What the lock says of the key; the pair is tried, so that a wrong one is found before anything is built. @throws as openKey */
export async function lockSecureBoot(spec: SecureBootSpec, targetDir: string, deps: TokenDeps): Promise<SecureBootLocked> {
  const locked = await lockKey(spec, targetDir, deps, section)
  if (locked.policy !== 'file') throw new ForgeError('E_BUG', `a key of the policy ${locked.policy} for Secure Boot`)
  return locked
}

/** The certificate as PEM, when the key is still there and belongs to it. @throws as openKey */
export async function checkedCertificate(locked: SecureBootLocked, deps: TokenDeps): Promise<string> {
  return certificatePem((await openKey(locked, deps, section)).certificate)
}

/** A certificate as PEM. @throws ForgeError E_KEY_MISSING, E_CERTIFICATE, E_CERTIFICATE_EXPIRED */
export async function certificateText(file: string): Promise<string> {
  return certificatePem(await readCertificate(file, Date.now(), section))
}

/** True when the certificate's file now holds another one. One that is gone shows when it is needed. */
export async function certificateChanged({ certificateFile, certificateSha256 }: SecureBootLocked): Promise<boolean> {
  const now = await readCertificate(certificateFile, Date.now()).catch(() => undefined)
  return now !== undefined && sha256Of(now.x509.raw) !== certificateSha256
}
