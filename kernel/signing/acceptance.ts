import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { KernelConfig } from '../../scripts/formats/kconfig.ts'
import type { Certificate } from '../../scripts/formats/x509.ts'
import { sha256Of } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Log } from '../../scripts/lib/log.ts'

// What a kernel asks of its modules' signatures, and whether a key would do: asked when a target is resolved, before anything is compiled.

const digest = z.string().regex(/^[0-9a-f]{64}$/)

const trustedCertificate = z.strictObject({
  subject: z.string(),
  /** Hexadecimal, as `modinfo -F sig_key` shows it. */
  serial: z.string(),
  /** Of issuer and serial number: what a signature calls its signer by. */
  nameSha256: digest,
  /** Of the public key. */
  keySha256: digest,
})

export const kernelSignatures = z.strictObject({
  /** `forced`: a module that the kernel cannot verify is refused. */
  policy: z.enum(['off', 'any', 'forced']),
  /** The build tree has scripts/sign-file. */
  signFile: z.boolean(),
  /** Digests that the kernel was configured with, as `modules.signing.hash` has them. */
  hashes: z.array(z.string()),
  /** The certificates inside the kernel; absent where they could not be read. */
  trusted: z.strictObject({
    /** Where they were read, for messages. */
    from: z.string(),
    certificates: z.array(trustedCertificate).min(1),
    /** The firmware may bring more (UEFI's db, machine owner keys). */
    firmware: z.boolean(),
  }).optional(),
})
export type KernelSignatures = z.infer<typeof kernelSignatures>
export type TrustedCertificates = NonNullable<KernelSignatures['trusted']>

const hashOptions: Readonly<Record<string, string>> = { sha1: 'SHA1', sha224: 'SHA256', sha256: 'SHA256', sha384: 'SHA512', sha512: 'SHA512' }

/** What of it a build tree and its configuration tell. */
export async function signingMeans(tree: string, config: KernelConfig): Promise<Pick<KernelSignatures, 'signFile' | 'hashes'>> {
  const signFile = await access(join(tree, 'scripts/sign-file')).then(() => true, () => false)
  return { signFile, hashes: Object.entries(hashOptions).flatMap(([hash, option]) => config.isSet(`CRYPTO_${option}`) ? [hash] : []) }
}

export function trustedCertificates(from: string, certificates: readonly Certificate[], config: KernelConfig): TrustedCertificates | undefined {
  // A list that was not found looks like an empty one.
  if (certificates.length === 0) return undefined
  return {
    from, certificates: certificates.map(({ facts: { subject, serial }, ...certificate }) => ({ subject, serial, ...identityOf(certificate) })),
    // Debian's kernels ask the platform keyring too; since 5.18 any may take machine owner keys.
    firmware: config.isSet('INTEGRITY_PLATFORM_KEYRING') || config.isSet('INTEGRITY_MACHINE_KEYRING'),
  }
}

function identityOf({ issuerDer, serialDer, x509 }: Pick<Certificate, 'issuerDer' | 'serialDer' | 'x509'>): { nameSha256: string; keySha256: string } {
  return { nameSha256: sha256Of(Buffer.concat([issuerDer, serialDer])), keySha256: sha256Of(x509.publicKey.export({ type: 'spki', format: 'der' })) }
}

/** That somebody signs, where the kernel asks for it. @throws ForgeError E_UNSIGNED */
export function expectNoSignatureNeeded(policy: KernelSignatures['policy'], release: string): void {
  if (policy !== 'forced') return
  throw new ForgeError('E_UNSIGNED', `the kernel ${release} loads only modules that its own key signed, and no key is given`, {
    hint: 'give `modules.signing` with that kernel\'s key and certificate; if the key is gone, swap the kernel (`headers.provider: source`), or use an engine without a module (TAYGA)',
  })
}

/**
 * That modules can be signed for this kernel as `modules.signing` says, and that this is of use.
 * @throws ForgeError E_TARGET, E_KERNEL
 */
export function expectSignable({ policy, signFile, hashes }: Omit<KernelSignatures, 'trusted'>, release: string, hash: string | undefined): void {
  if (policy === 'off') {
    throw new ForgeError('E_TARGET', `modules.signing: the kernel ${release} is configured without CONFIG_MODULE_SIG, so it looks at no signature`, { hint: 'remove modules.signing from the target, or give the headers of the kernel that asks for signatures' })
  }
  if (!signFile) {
    throw new ForgeError('E_KERNEL', `modules.signing: the build tree of ${release} has no scripts/sign-file, which signs modules`, { hint: 'use the complete linux-headers packages of one kernel build; in a bare tree, `make scripts` builds it, with CONFIG_MODULE_SIG=y' })
  }
  if (hash !== undefined && !hashes.includes(hash)) {
    throw new ForgeError('E_TARGET', `modules.signing.hash: the kernel ${release} is configured without CONFIG_CRYPTO_${hashOptions[hash] ?? hash.toUpperCase()}, so it cannot check signatures over ${hash}`, {
      hint: `leave modules.signing.hash out: the kernel's own is taken${hashes.length > 0 ? `; this kernel has ${hashes.join(', ')}` : ''}`,
    })
  }
}

/**
 * That the kernel has this certificate. One that only looks at signatures loads the modules all the same, which is worth a warning.
 * @throws ForgeError E_KEY_MISMATCH
 */
export function expectTrustedBy({ policy, trusted }: KernelSignatures, release: string, certificate: Certificate, certificateFile: string, log: Log): void {
  if (!trusted || policy === 'off') return
  const { nameSha256, keySha256 } = identityOf(certificate)
  if (trusted.certificates.some((one) => one.nameSha256 === nameSha256 && one.keySha256 === keySha256)) return
  const { subject, serial } = certificate.facts
  const message = `the kernel ${release} does not have the certificate ${certificateFile} ("${subject}", serial number ${serial}): in ${trusted.from} ${trusted.certificates.length === 1 ? 'is' : 'are'} ${trusted.certificates.map((one) => `"${one.subject}" (${one.serial})`).join(', ')}`
  if (policy === 'any') {
    log.warn(`${message}; it loads the modules all the same, as if they were not signed`)
    return
  }
  if (trusted.firmware) {
    log.warn(`${message}; it loads the modules only on a router whose firmware vouches for that certificate (UEFI's db, a machine owner key)`)
    return
  }
  const sameKey = trusted.certificates.find((one) => one.keySha256 === keySha256)
  throw new ForgeError('E_KEY_MISMATCH', `${message}; it would refuse the modules`, {
    hint: sameKey ? `the kernel has another certificate of the same key, with serial number ${sameKey.serial}, and signatures name their signer by it: give that one as modules.signing.certificate`
      : 'give the key and the certificate of the build that made the kernel; if that key is gone, swap the kernel (`headers.provider: source`), or use an engine without a module (TAYGA)',
  })
}
