import { open } from 'node:fs/promises'
import { ForgeError } from '../lib/errors.ts'

/** Bytes that are read by position: a file, or a part of one. */
export interface ByteSource {
  /** For errors: the file's path, with the part's own where it is one. */
  readonly name: string
  readonly sizeBytes: number
  /**
   * Exactly `length` bytes, in `into` if that is given: who looks through a large file does it in one buffer.
   * @throws ForgeError E_IMAGE_TRUNCATED when they are not all there
   */
  read: (offset: number, length: number, into?: Buffer) => Promise<Buffer>
}

export interface OpenFile extends ByteSource, AsyncDisposable {
  /** Where the bytes lie as a file of its own, for programs that read by themselves. */
  readonly path: string
}

/** @throws Node's own error when the file cannot be opened */
export async function openByteSource(path: string): Promise<OpenFile> {
  const handle = await open(path, 'r')
  const { size } = await handle.stat()
  return {
    name: path, path, sizeBytes: size,
    read: async (offset, length, into) => {
      checkRange(path, size, offset, length)
      const bytes = into?.subarray(0, length) ?? Buffer.allocUnsafe(length)
      for (let done = 0; done < length;) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
        // The file became shorter while it was read.
        if (bytesRead === 0) throw beyondEnd(path, offset + done, offset, length)
        done += bytesRead
      }
      return bytes
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** A part of another source, with positions of its own. @throws ForgeError E_IMAGE_TRUNCATED when it reaches beyond the end */
export function partOf(whole: ByteSource, offset: number, sizeBytes: number, name: string): ByteSource {
  const shown = `${whole.name}:${name}`
  checkRange(shown, whole.sizeBytes, offset, sizeBytes)
  return {
    name: shown, sizeBytes,
    read: (at, length, into) => {
      checkRange(shown, sizeBytes, at, length)
      return whole.read(offset + at, length, into)
    },
  }
}

/** Bytes in memory as a source. */
export function bytesAsSource(bytes: Buffer, name: string): ByteSource {
  return {
    name, sizeBytes: bytes.length,
    read: (offset, length) => {
      checkRange(name, bytes.length, offset, length)
      return Promise.resolve(bytes.subarray(offset, offset + length))
    },
  }
}

function checkRange(name: string, sizeBytes: number, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > sizeBytes) throw beyondEnd(name, sizeBytes, offset, length)
}

function beyondEnd(name: string, sizeBytes: number, offset: number, length: number): ForgeError {
  return new ForgeError('E_IMAGE_TRUNCATED', `${name} ends at byte ${String(sizeBytes)}, and ${String(length)} bytes at ${String(offset)} are needed`, { hint: 'get the image again and compare its checksum with the publisher\'s' })
}
