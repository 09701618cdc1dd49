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

/** Writes a file into another one, and resolves to its digests in hexadecimal: what is as large as an ISO is read once, and one chunk is written while the next is read and summed up. */
export async function writeInto<Algorithm extends string>(into: FileHandle, at: number, { parts }: NewFile, algorithms: readonly Algorithm[]): Promise<ReadonlyMap<Algorithm, string>> {
  const hashes = algorithms.map((algorithm) => [algorithm, createHash(algorithm)] as const)
  const buffers = [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)]
  let writing: Promise<void> = Promise.resolve()
  try {
    for (const part of parts) {
      for (let from = 0; from < part.sizeBytes; from += chunkBytes) {
        const chunk = await part.read(from, Math.min(chunkBytes, part.sizeBytes - from), buffers[0])
        for (const [, hash] of hashes) hash.update(chunk)
        await writing
        writing = writeAll(into, chunk, at)
        // It is thrown where it is waited for, not while the next chunk is read.
        writing.catch(() => undefined)
        at += chunk.length
        buffers.reverse()
      }
    }
  } finally {
    await writing
  }
  return new Map(hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')]))
}

/** Writes all of a buffer at a place. */
export async function writeAll(into: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await into.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}
