import { ForgeError } from '../lib/errors.ts'
import type { Brand } from './brand.ts'

/** A SHA-256 in lower-case hexadecimal, 64 characters. */
export type Sha256 = Brand<'Sha256'>

/** @throws ForgeError E_DIGEST */
export function sha256(text: string): Sha256 {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new ForgeError('E_DIGEST', `"${text}" is not a SHA-256 (64 hexadecimal digits, lower case)`)
  return text as Sha256
}
