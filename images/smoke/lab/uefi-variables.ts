import { X509Certificate } from 'node:crypto'
import { ForgeError } from '../../../scripts/lib/errors.ts'

// UEFI specification 2.10: 3.3 (global variables), 8.2 (attributes), 32.4.1 (signature lists). EDK II's
// VariableFormat.h: how a store holds variables.
const guids = {
  global: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
  imageSecurity: 'd719b2cb-3d3a-4596-a3bc-dad00e67656f',
  secureBootEnable: 'f0a30bc7-af08-4556-99c4-001009c93a44',
  certX509: 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072',
  authenticatedStore: 'aaf32c78-947b-439a-a180-2e144ec37792',
  owner: '4e363446-6f72-4765-8c61-620000000000',
} as const
const attributes = { nonVolatile: 1, bootService: 2, runtime: 4, timeBasedAuthentication: 0x20 } as const
const signed = attributes.nonVolatile | attributes.bootService | attributes.runtime | attributes.timeBasedAuthentication
const [storeHeaderBytes, variableHeaderBytes] = [28, 60]

/**
 * OVMF's empty variable store with Secure Boot on and one certificate enrolled: as the machine's owner (PK, KEK), and for what
 * it boots (db).
 * @throws ForgeError E_LAB when the store is not an empty one
 */
export function secureBootVariables(empty: Buffer, certificatePem: string): Buffer {
  const store = Buffer.from(empty)
  // Behind the header of the firmware volume, whose length is at 48.
  const start = store.toString('latin1', 40, 44) === '_FVH' ? store.readUInt16LE(48) : store.length
  let at = start + storeHeaderBytes
  if (start >= store.length || !store.subarray(start, start + 16).equals(guid(guids.authenticatedStore)) || store.readUInt16LE(at) !== 0xffff) {
    throw new ForgeError('E_LAB', 'OVMF\'s variable store is not an empty one of the known form', { hint: 'reinstall the package: apt-get install --reinstall ovmf' })
  }
  const list = signatureList(new X509Certificate(certificatePem).raw)
  const variables = [
    variable('PK', guids.global, signed, list), variable('KEK', guids.global, signed, list), variable('db', guids.imageSecurity, signed, list),
    variable('SecureBootEnable', guids.secureBootEnable, attributes.nonVolatile | attributes.bootService, Buffer.of(1)),
  ]
  for (const bytes of variables) {
    bytes.copy(store, at)
    at = (at + bytes.length + 3) & ~3
  }
  return store
}

/** An EFI_SIGNATURE_LIST with one certificate. */
function signatureList(certificate: Buffer): Buffer {
  const header = Buffer.alloc(28)
  guid(guids.certX509).copy(header)
  header.writeUInt32LE(28 + 16 + certificate.length, 16)
  header.writeUInt32LE(16 + certificate.length, 24)
  return Buffer.concat([header, guid(guids.owner), certificate])
}

function variable(name: string, vendor: string, attributeBits: number, data: Buffer): Buffer {
  const nameBytes = Buffer.from(`${name}\0`, 'utf16le')
  const header = Buffer.alloc(variableHeaderBytes)
  header.writeUInt16LE(0x55aa, 0)
  // Added, and neither deleted nor about to be.
  header[2] = 0x3f
  header.writeUInt32LE(attributeBits, 4)
  // The time stamp of an authenticated variable: 2020-01-01, so that any later one may replace it.
  if ((attributeBits & attributes.timeBasedAuthentication) !== 0) Buffer.of(0xe4, 0x07, 1, 1).copy(header, 16)
  header.writeUInt32LE(nameBytes.length, 36)
  header.writeUInt32LE(data.length, 40)
  guid(vendor).copy(header, 44)
  return Buffer.concat([header, nameBytes, data])
}

/** Its first three fields are little-endian. */
function guid(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex')
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}
