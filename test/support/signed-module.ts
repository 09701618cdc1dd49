import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Exec } from '../../scripts/lib/exec.ts'

export interface KeyPair {
  key: string
  /** PEM. */
  certificate: string
  der: Buffer
}

/** A key and its certificate, by OpenSSL, as a kernel's build makes them. */
export async function keyPair(exec: Exec, dir: string, name: string, algorithm: readonly string[] = ['rsa:2048']): Promise<KeyPair> {
  const [key, certificate, der] = [join(dir, `${name}.key`), join(dir, `${name}.pem`), join(dir, `${name}.der`)]
  await exec(['openssl', 'req', '-new', '-x509', '-newkey', ...algorithm, '-nodes', '-sha256', '-days', '100', '-subj', `/O=Test/CN=${name}`, '-addext', 'subjectKeyIdentifier=hash', '-keyout', key, '-out', certificate])
  await exec(['openssl', 'x509', '-in', certificate, '-outform', 'DER', '-out', der])
  return { key, certificate, der: await readFile(der) }
}

/** A module with a signature appended in the kernel's way: CMS without certificates, attributes only when asked for. */
export async function signedModule(exec: Exec, dir: string, module: Buffer, { key, certificate }: KeyPair, { hash = 'sha512', attributes = false, attached = false, byKeyId = false } = {}): Promise<Buffer> {
  const [plain, signature] = [join(dir, 'plain.ko'), join(dir, 'plain.p7s')]
  await writeFile(plain, module)
  await exec(['openssl', 'cms', '-sign', '-binary', '-nocerts', ...(attributes ? [] : ['-noattr']), ...(attached ? ['-nodetach'] : []), ...(byKeyId ? ['-keyid'] : []), '-md', hash, '-signer', certificate, '-inkey', key, '-in', plain, '-outform', 'DER', '-out', signature])
  const der = await readFile(signature)
  const trailer = Buffer.alloc(12)
  trailer[2] = 2
  trailer.writeUInt32BE(der.length, 8)
  return Buffer.concat([module, der, trailer, Buffer.from('~Module signature appended~\n')])
}

/** Certificates as they stand in a kernel: one behind the other, their size on the next multiple of 8. To be put on such a one. */
export function certificateList(certificates: readonly Buffer[]): Buffer {
  const list = Buffer.concat(certificates)
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(list.length))
  return Buffer.concat([list, Buffer.alloc((8 - list.length % 8) % 8), size])
}
