import { z } from 'zod'
import { fileKeyLocked } from '../../../kernel/signing/spec.ts'

const file = z.string().min(1)

/** The key that signs what the firmware starts, up to the kernel. */
export const secureBootSpec = z.strictObject({
  key: file.refine((text) => !text.startsWith('pkcs11:'), 'a PEM file: keys on tokens do not sign boot loaders here')
    .describe('A PEM file with an RSA key without a passphrase, relative to the target file.'),
  certificate: file.describe('The key\'s X.509 certificate, PEM or DER, relative to the target file; the firmware must have it in its `db`.'),
}).describe('Signs shim, GRUB and the kernel, so that the image boots with Secure Boot on. Needs `kernel: replace`, and modules that this kernel trusts.')
export type SecureBootSpec = z.infer<typeof secureBootSpec>

export const secureBootLocked = fileKeyLocked
export type SecureBootLocked = z.infer<typeof secureBootLocked>
