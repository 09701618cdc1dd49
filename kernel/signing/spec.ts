import { z } from 'zod'

const path = z.string().min(1)

// A lock is published: the PIN goes into a file of its own.
const pinInside = /\bpin-(value|source)\s*=/i

const fields = {
  certificate: path.optional().describe('The key\'s X.509 certificate, PEM or DER; relative to the target file.'),
  library: z.string().regex(/^\/[^\s:]+$/, 'the absolute path of a PKCS#11 library').optional()
    .describe('For a pkcs11: key: the token\'s library, for example /usr/lib/softhsm/libsofthsm2.so. Default: what p11-kit knows.'),
  pin: path.optional().describe('For a pkcs11: key: a file with the token\'s PIN; relative to the target file.'),
}
const key = z.string().min(1).refine((text) => !pinInside.test(text), 'the PIN belongs into a file that `pin` names: the lock is published')

interface Written { key: string; certificate?: string | undefined; library?: string | undefined; pin?: string | undefined }
const belongsTogether = (spec: Written, context: z.RefinementCtx): void => {
  const problem = (field: string, message: string): void => { context.addIssue({ code: 'custom', path: [field], message }) }
  if (isWord(spec.key)) {
    for (const field of ['certificate', 'library', 'pin'] as const) if (spec[field] !== undefined) problem(field, `has no meaning with key: ${spec.key}`)
    return
  }
  if (spec.certificate === undefined) problem('certificate', 'missing: the certificate of the key')
  if (spec.key.startsWith('pkcs11:')) return
  for (const field of ['library', 'pin'] as const) if (spec[field] !== undefined) problem(field, 'is for pkcs11: keys')
}
const isWord = (text: string): text is 'ephemeral' | 'none' => text === 'ephemeral' || text === 'none'

/** The key of a kernel that is built here; its modules are signed with it. */
export const kernelKeySpec = z.strictObject({
  key: key.default('ephemeral').describe('`ephemeral`: made for this build and destroyed with it; a PEM file with an RSA key without a passphrase, relative to the target file; a pkcs11: URI; or `none`.'),
  ...fields,
}).superRefine(belongsTogether).prefault({}).describe('Who signs the kernel\'s modules and Jool\'s.')
export type KernelKeySpec = z.infer<typeof kernelKeySpec>

/** Signing Jool's modules for a kernel that was built elsewhere. */
export const modulesKeySpec = z.strictObject({
  key: key.refine((text) => !isWord(text), 'a PEM file or a pkcs11: URI').describe('A PEM file with an RSA key without a passphrase, relative to the target file, or a pkcs11: URI.'),
  ...fields,
  hash: z.enum(['sha1', 'sha224', 'sha256', 'sha384', 'sha512']).optional().describe('Default: what the kernel\'s configuration says.'),
}).superRefine(belongsTogether).describe('Signs the modules; for kernels that load signed ones only.')
export type ModulesKeySpec = z.infer<typeof modulesKeySpec>

const digest = z.string().regex(/^[0-9a-f]{64}$/)
const inFile = { certificateFile: z.string(), certificateSha256: digest }

export const fileKeyLocked = z.strictObject({ policy: z.literal('file'), keyFile: z.string(), ...inFile })
export const pkcs11KeyLocked = z.strictObject({ policy: z.literal('pkcs11'), uri: z.string().startsWith('pkcs11:'), library: z.string().optional(), pinFile: z.string().optional(), ...inFile })

/** Which key signs, and its certificate's digest. The key stays where it is. */
export const keptKeyLocked = z.discriminatedUnion('policy', [fileKeyLocked, pkcs11KeyLocked])
export type KeptKeyLocked = z.infer<typeof keptKeyLocked>

export const kernelKeyLocked = z.discriminatedUnion('policy', [
  z.strictObject({ policy: z.literal('none') }), z.strictObject({ policy: z.literal('ephemeral') }), fileKeyLocked, pkcs11KeyLocked,
])
export type KernelKeyLocked = z.infer<typeof kernelKeyLocked>

/** What of a key decides the result: which certificate, not where it lies. RSA signatures of one key are always the same. */
export function keyIdentity(locked: KernelKeyLocked): unknown {
  return 'certificateSha256' in locked ? { certificateSha256: locked.certificateSha256 } : locked
}
