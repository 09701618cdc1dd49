import { readFile } from 'node:fs/promises'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import { parseCertificate, type Certificate } from '../../scripts/formats/x509.ts'

const pemBlock = /-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----/g

/**
 * The one certificate in a PEM or DER file, valid at `now` (milliseconds since 1970).
 * The kernel itself does not look at the dates; whoever sets them wants them kept. `section`: of the target, for the hint.
 * @throws ForgeError E_KEY_MISSING, E_CERTIFICATE, E_CERTIFICATE_EXPIRED
 */
export async function readCertificate(file: string, now: number, section = 'signing'): Promise<Certificate> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new ForgeError('E_KEY_MISSING', `the certificate ${file} ${isErrno(cause, 'ENOENT') ? 'does not exist' : 'cannot be read'}`, { hint: `correct ${section}.certificate in the target`, cause })
  })
  const certificate = parse(bytes, file)
  const { validFrom, validTo } = certificate.x509
  if (now > Date.parse(validTo)) {
    throw new ForgeError('E_CERTIFICATE_EXPIRED', `the certificate ${file} was valid until ${validTo}`, {
      hint: 'make a new one for the same key: openssl req -x509 -new -key KEY -sha512 -days 3650 -subj "/CN=…" -out NEW.pem; a kernel that is built already knows the old one only, and has to be built anew with the new one',
    })
  }
  if (now < Date.parse(validFrom)) {
    throw new ForgeError('E_CERTIFICATE_EXPIRED', `the certificate ${file} is valid from ${validFrom} on`, { hint: 'correct this machine\'s clock, or make a certificate that is valid today' })
  }
  return certificate
}

function parse(bytes: Buffer, file: string): Certificate {
  const blocks = [...bytes.toString('latin1').matchAll(pemBlock)]
  if (blocks.length > 1) throw new ForgeError('E_CERTIFICATE', `${file} holds ${String(blocks.length)} certificates`, { hint: 'give a file with the signing key\'s certificate alone' })
  try {
    return parseCertificate(blocks[0]?.[1] === undefined ? bytes : Buffer.from(blocks[0][1], 'base64'))
  } catch (cause) {
    throw new ForgeError('E_CERTIFICATE', `${file} is not an X.509 certificate`, { hint: 'give one certificate in PEM or DER; `openssl x509 -in FILE -text` shows what it is', cause })
  }
}

/** As kernels and openssl read it. */
export function certificatePem({ x509 }: Certificate): string {
  return x509.toString()
}
