import { verify as verifySignature } from 'node:crypto'
import { ForgeError } from '../lib/errors.ts'
import { derChildren, derOid, expectDer, readDer, type DerElement } from './der.ts'
import { nameText, type Certificate } from './x509.ts'

/** The signature that `sign-file` appends to a kernel module, read. */
export interface ModuleSignature {
  /** The module without it: what is signed. */
  content: Buffer
  /** The signer's name: the certificate's issuer, as `modinfo` shows it; empty when only a key is named. */
  signer: string
  /** Serial number of the signer's certificate, or its key identifier; hexadecimal, lower case. */
  keyId: string
  /** As OpenSSL writes it: sha512. */
  hash: string
  /** Whether this is the certificate that the signature names. */
  names: (certificate: Certificate) => boolean
  /** Whether that certificate's key made the signature over exactly these bytes. */
  verify: (certificate: Certificate) => boolean
}

const magic = Buffer.from('~Module signature appended~\n')
/** struct module_signature: algorithm, hash, id type, two lengths, three bytes of padding, length (big-endian). */
const trailerBytes = 12
const pkcs7 = 2

const hashes: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.4': 'sha224', '2.16.840.1.101.3.4.2.1': 'sha256', '2.16.840.1.101.3.4.2.2': 'sha384', '2.16.840.1.101.3.4.2.3': 'sha512',
  '2.16.840.1.101.3.4.2.8': 'sha3-256', '2.16.840.1.101.3.4.2.9': 'sha3-384', '2.16.840.1.101.3.4.2.10': 'sha3-512',
}
const signedData = '1.2.840.113549.1.7.2'
const plainData = '1.2.840.113549.1.7.1'
/** Signature algorithms that kernels know: RSA, ECDSA by hash, and Russia's and China's. */
const signatureAlgorithms = /^(1\.2\.840\.113549\.1\.1\.\d+|1\.2\.840\.10045\.(2\.1|4\.1|4\.3\.\d|4\.3)|2\.16\.840\.1\.101\.3\.4\.3\.\d+|1\.2\.643\.7\.1\.1\.[13]\.\d|1\.2\.156\.10197\.1\.501)$/
const [integer, octetString, oid, sequence, set] = [0x02, 0x04, 0x06, 0x30, 0x31]

/**
 * Reads the appended signature of a module, uncompressed as the kernel would get it; undefined when there is none.
 * @throws ForgeError E_MODULE_SIGNATURE when there is one that cannot be read
 */
export function readModuleSignature(bytes: Buffer, fileName: string): ModuleSignature | undefined {
  if (bytes.length < magic.length || !bytes.subarray(-magic.length).equals(magic)) return undefined
  const trailerAt = bytes.length - magic.length - trailerBytes
  const size = trailerAt < 0 ? 0 : bytes.readUInt32BE(trailerAt + 8)
  if (size === 0 || size > trailerAt) throw damaged(fileName, 'its length is impossible')
  if (bytes[trailerAt + 2] !== pkcs7) throw damaged(fileName, `it is of type ${String(bytes[trailerAt + 2])}, not PKCS#7`)
  // The kernel refuses other values too: what they once said is in the message now.
  if ([0, 1, 3, 4, 5, 6, 7].some((field) => bytes[trailerAt + field] !== 0)) throw damaged(fileName, 'its trailer has values where zeros belong')
  try {
    return parseSignature(bytes.subarray(trailerAt - size, trailerAt), bytes.subarray(0, trailerAt - size), fileName)
  } catch (error) {
    if (error instanceof ForgeError && error.code === 'E_DER') throw damaged(fileName, error.message)
    throw error
  }
}

function parseSignature(der: Buffer, content: Buffer, fileName: string): ModuleSignature {
  const [type, wrapped] = derChildren(expectDer(readDer(der), sequence, 'the PKCS#7 message'))
  if (derOid(expectDer(type, oid, 'the content type')) !== signedData || !wrapped) throw damaged(fileName, 'it is not signed data')
  const data = derChildren(expectDer(derChildren(wrapped)[0], sequence, 'the signed data'))
  expectVersion(data[0], fileName)
  const [kind, attached] = derChildren(expectDer(data[2], sequence, 'the content'))
  if (derOid(expectDer(kind, oid, 'the content\'s type')) !== plainData) throw damaged(fileName, 'what it signs is not plain data')
  // Both are refused by every kernel that looks at signatures, also by those that load unsigned modules.
  if (attached) throw damaged(fileName, 'it holds what it signs once more, which kernels refuse')
  // The last field; certificates and revocation lists may stand before it.
  const [info] = derChildren(expectDer(data.at(-1), set, 'the list of signers'))
  const fields = derChildren(expectDer(info, sequence, 'the signer'))
  expectVersion(fields[0], fileName)
  const signer = signerOf(fields[1])
  const hashOid = derOid(expectDer(derChildren(expectDer(fields[2], sequence, 'the digest algorithm'))[0], oid, 'the digest algorithm'))
  const hash = hashes[hashOid]
  if (hash === undefined) throw damaged(fileName, `its digest algorithm ${hashOid} is unknown`)
  if (fields.some((field) => field.tag === 0xa0)) throw damaged(fileName, 'it has signed attributes, which kernels refuse (`openssl cms -sign` leaves them out with -noattr)')
  const signatureAt = fields.findIndex((field) => field.tag === octetString)
  const signature = expectDer(fields[signatureAt], octetString, 'the signature itself').contents
  const algorithm = derOid(expectDer(derChildren(expectDer(fields[signatureAt - 1], sequence, 'the signature algorithm'))[0], oid, 'the signature algorithm'))
  if (!signatureAlgorithms.test(algorithm)) throw damaged(fileName, `its signature algorithm ${algorithm} is unknown`)
  return {
    content, hash, ...signer,
    verify: (certificate) => signer.names(certificate) && verifies(hash, content, certificate, signature),
  }
}

/** 1 when the signer is named by certificate, 3 when by key. */
function expectVersion(element: DerElement | undefined, fileName: string): void {
  const { contents } = expectDer(element, integer, 'its version')
  if (contents.length !== 1 || (contents[0] !== 1 && contents[0] !== 3)) throw damaged(fileName, `it has version ${contents.toString('hex')}`)
}

function signerOf(id: DerElement | undefined): Pick<ModuleSignature, 'signer' | 'keyId' | 'names'> {
  if (id?.tag === 0x80) return { signer: '', keyId: id.contents.toString('hex'), names: ({ subjectKeyId }) => subjectKeyId?.equals(id.contents) ?? false }
  const [issuer, serial] = derChildren(expectDer(id, sequence, 'the signer\'s name'))
  const issuerDer = expectDer(issuer, sequence, 'the signer\'s issuer').raw
  const serialDer = expectDer(serial, integer, 'the signer\'s serial number').contents
  return { signer: nameText(issuerDer), keyId: serialDer.toString('hex'), names: (certificate) => certificate.issuerDer.equals(issuerDer) && certificate.serialDer.equals(serialDer) }
}

function verifies(hash: string, signed: Buffer, { x509 }: Certificate, signature: Buffer): boolean {
  try {
    return verifySignature(hash, signed, x509.publicKey, signature)
  } catch {
    // A key of a kind that makes no such signatures.
    return false
  }
}

function damaged(fileName: string, why: string): ForgeError {
  return new ForgeError('E_MODULE_SIGNATURE', `${fileName}: its appended signature is none that a kernel takes: ${why}`, { hint: 'sign the module again, as the kernel\'s own sign-file does' })
}
