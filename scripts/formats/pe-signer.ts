import { derChildren, expectDer, readDer } from './der.ts'
import { nameText, parseCertificate } from './x509.ts'

const [sequence, set] = [0x30, 0x31]

/**
 * Who signed an EFI program (Authenticode), by the subject of the signer's certificate; undefined when it is not signed, or
 * its signature cannot be read. What it signs is not verified.
 */
export function peSigner(program: Buffer): string | undefined {
  try {
    const headers = program.readUInt32LE(60)
    if (program.toString('latin1', headers, headers + 4) !== 'PE\0\0') return undefined
    // The security directory is the fifth data directory of a 64-bit optional header.
    const directory = headers + 24 + 112 + 4 * 8
    const [at, size] = [program.readUInt32LE(directory), program.readUInt32LE(directory + 4)]
    if (at === 0 || size < 8) return undefined
    return signerOf(program.subarray(at + 8, at + size))
  } catch {
    return undefined
  }
}

function signerOf(der: Buffer): string | undefined {
  const wrapped = derChildren(expectDer(readDer(der), sequence, 'the PKCS#7 message'))[1]
  const fields = wrapped ? derChildren(expectDer(derChildren(wrapped)[0], sequence, 'the signed data')) : []
  const certificates = fields.find((field) => field.tag === 0xa0)
  const info = derChildren(expectDer(fields.at(-1), set, 'the list of signers'))[0]
  const [issuer, serial] = derChildren(expectDer(info && derChildren(info)[1], sequence, 'the signer\'s name'))
  if (!issuer || !serial) return undefined
  for (const { raw } of certificates ? derChildren(certificates) : []) {
    const certificate = parseCertificate(raw)
    if (certificate.issuerDer.equals(issuer.raw) && certificate.serialDer.equals(serial.contents)) return certificate.facts.subject
  }
  return nameText(issuer.raw)
}
