import { X509Certificate } from 'node:crypto'
import { derChildren, derOid, expectDer, readDer, type DerElement } from './der.ts'

/** A certificate as a report shows it. */
export interface CertificateFacts {
  /** The common name, or the whole subject without one. */
  subject: string
  issuer: string
  /** Hexadecimal, lower case. */
  serial: string
  /** Hexadecimal; null when the certificate has none. */
  subjectKeyId: string | null
  /** ISO 8601, UTC. */
  notAfter: string
}

/** A certificate with the raw parts by which a signature names its signer. */
export interface Certificate {
  facts: CertificateFacts
  x509: X509Certificate
  /** The issuer's name as DER, to be compared byte for byte. */
  issuerDer: Buffer
  serialDer: Buffer
  subjectKeyId: Buffer | undefined
}

const sequence = 0x30
const integer = 0x02
const subjectKeyIdentifier = '2.5.29.14'
const commonName = '2.5.4.3'

/** Reads one DER certificate; bytes behind it are not looked at. @throws ForgeError E_DER, or Node's own error */
export function parseCertificate(bytes: Buffer): Certificate {
  const whole = readDer(bytes)
  const fields = derChildren(expectDer(derChildren(expectDer(whole, sequence, 'a certificate'))[0], sequence, 'the certificate\'s body'))
  // [0] EXPLICIT Version comes first in every certificate but version 1's.
  const start = fields[0]?.tag === 0xa0 ? 1 : 0
  const serialDer = expectDer(fields[start], integer, 'the serial number').contents
  const issuerDer = expectDer(fields[start + 2], sequence, 'the issuer').raw
  const subject = expectDer(fields[start + 4], sequence, 'the subject')
  const subjectKeyId = keyIdOf(fields.find((field) => field.tag === 0xa3))
  const x509 = new X509Certificate(whole.raw)
  return {
    x509, issuerDer, serialDer, subjectKeyId,
    facts: {
      subject: nameText(subject.raw), issuer: nameText(issuerDer), serial: serialDer.toString('hex'),
      subjectKeyId: subjectKeyId?.toString('hex') ?? null, notAfter: new Date(x509.validTo).toISOString(),
    },
  }
}

/** A distinguished name for people: its common name, or all of its values. @throws ForgeError E_DER */
export function nameText(nameDer: Buffer): string {
  const parts = derChildren(readDer(nameDer)).flatMap((set) => derChildren(set)).map((pair) => {
    const [type, value] = derChildren(pair)
    return { type: type ? derOid(type) : '', text: value ? textOf(value) : '' }
  })
  return parts.find((part) => part.type === commonName)?.text ?? parts.map((part) => part.text).join(', ')
}

// BMPString is UTF-16; everything else in use is ASCII or UTF-8.
function textOf({ tag, contents }: DerElement): string {
  const text = tag === 0x1e ? Buffer.from(contents.subarray(0, contents.length & ~1)).swap16().toString('utf16le') : contents.toString('utf8')
  // What is shown on a terminal may not steer it.
  return text.replace(/\p{Cc}/gu, '?')
}

function keyIdOf(extensions: DerElement | undefined): Buffer | undefined {
  const list = extensions && derChildren(extensions)[0]
  for (const extension of list ? derChildren(list) : []) {
    const parts = derChildren(extension)
    const value = parts.at(-1)
    if (parts[0] && value && derOid(parts[0]) === subjectKeyIdentifier) return readDer(value.contents).contents
  }
  return undefined
}
