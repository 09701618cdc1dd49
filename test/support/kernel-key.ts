import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface KernelKey {
  key: string
  certificate: string
}

/** An RSA key without a passphrase and its certificate, `<dir>/<name>.key` and `<dir>/<name>.pem`; `keygen` are openssl's own words for another kind. */
export function makeKernelKey(dir: string, name: string, keygen: readonly string[] = ['-newkey', 'rsa:2048']): KernelKey {
  const pair = { key: join(dir, `${name}.key`), certificate: join(dir, `${name}.pem`) }
  execFileSync('openssl', ['req', '-x509', ...keygen, '-nodes', '-sha256', '-days', '30', '-subj', `/O=test/CN=${name}`, '-keyout', pair.key, '-out', pair.certificate], { stdio: 'ignore' })
  return pair
}
