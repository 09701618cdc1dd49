import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { ByteSource } from '../../scripts/formats/byte-source.ts'

/** A file that is put together of pieces of others while it is written. */
export interface NewFile {
  sizeBytes: number
  /** One piece after the other. */
  parts: readonly ByteSource[]
}

const chunkBytes = 4 * 1048576

/** Of a file that is not written yet, its digests in hexadecimal. */
export async function digestsOf<Algorithm extends string>(file: NewFile, algorithms: readonly Algorithm[]): Promise<ReadonlyMap<Algorithm, string>> {
  const hashes = algorithms.map((algorithm) => [algorithm, createHash(algorithm)] as const)
  if (hashes.length > 0) for await (const chunk of chunksOf(file.parts)) for (const [, hash] of hashes) hash.update(chunk)
  return new Map(hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')]))
}

/** All bytes of one piece after the other. While one chunk is used, the next is read. Each is overwritten once the one behind it is asked for. */
export async function* chunksOf(parts: readonly ByteSource[]): AsyncGenerator<Buffer> {
  const largest = Math.min(chunkBytes, parts.reduce((most, { sizeBytes }) => Math.max(most, sizeBytes), 0))
  const buffers = [Buffer.allocUnsafe(largest), Buffer.allocUnsafe(largest)]
  let next: Promise<Buffer> | undefined
  for (const part of parts) {
    for (let from = 0; from < part.sizeBytes; from += chunkBytes) {
      const last = next
      const reading = part.read(from, Math.min(chunkBytes, part.sizeBytes - from), buffers[0])
      // It is thrown where it is waited for.
      reading.catch(() => undefined)
      buffers.reverse()
      next = reading
      if (last) yield await last
    }
  }
  if (next) yield await next
}

/** Writes all of a buffer at a place. */
export async function writeAll(into: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await into.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}
