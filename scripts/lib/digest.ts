import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Sha256 } from '../domain/digest.ts'

/** SHA-256 of a text (UTF-8) or of bytes. */
export function sha256Of(data: string | Uint8Array): Sha256 {
  return createHash('sha256').update(data).digest('hex') as Sha256
}

/** SHA-256 of a file's bytes; streams, so memory stays small. */
export async function sha256File(path: string): Promise<Sha256> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex') as Sha256
}

/** JSON with object keys in order: equal data gives equal text. */
export function canonicalJson(data: unknown): string {
  return JSON.stringify(data, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value)
}
