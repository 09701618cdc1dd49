import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { readModuleSignature } from '../../scripts/formats/module-signature.ts'
import type { Certificate } from '../../scripts/formats/x509.ts'

/** Who signed, as `modinfo` shows it. */
export interface ModuleSigner {
  /** The certificate's common name. */
  signer: string
  /** The certificate's serial number, hexadecimal. */
  keyId: string
  hash: string
}

export interface ExpectedSigner {
  certificate: Certificate
  /** As CONFIG_MODULE_SIG_HASH has it. */
  hash: string
}

/** Reads back and verifies the signatures of these modules. @throws ForgeError E_MODULE_SIGNATURE */
export async function verifySignatures(dir: string, modules: readonly string[], expected: ExpectedSigner): Promise<ModuleSigner> {
  for (const path of modules) verifyModuleSignature(await readFile(join(dir, path)), path, expected)
  const { facts } = expected.certificate
  return { signer: facts.subject, keyId: facts.serial, hash: expected.hash }
}

/** Signer, hash, key id and the signature itself, against the certificate that the kernel has. @throws ForgeError E_MODULE_SIGNATURE */
export function verifyModuleSignature(bytes: Buffer, fileName: string, { certificate, hash }: ExpectedSigner): void {
  const wrong = (what: string): ForgeError => new ForgeError('E_MODULE_SIGNATURE', `${fileName} ${what}`, { hint: 'a kernel that forces signatures would refuse it; build again, and report it with the log if it repeats' })
  const signature = readModuleSignature(bytes, fileName)
  if (!signature) throw wrong('has no signature')
  const { subject, serial } = certificate.facts
  if (!signature.names(certificate)) throw wrong(`is signed by ${signature.signer === '' ? 'the key' : `"${signature.signer}"`} ${signature.keyId}, not by "${subject}" ${serial}`)
  if (signature.hash !== hash) throw wrong(`is signed with ${signature.hash}, not with ${hash}`)
  if (!signature.verify(certificate)) throw wrong(`was changed after "${subject}" signed it, or was signed by another key`)
}
