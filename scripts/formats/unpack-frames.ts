import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ErrorCode } from '../lib/error-codes.ts'
import { ForgeError } from '../lib/errors.ts'
import type { Argv, Exec } from '../lib/exec.ts'
import type { HostTool } from '../lib/host-tools.ts'

/** Compressions that Node cannot undo: a program does, many pieces in one run. */
export type FrameFormat = 'xz' | 'zstd' | 'lzma'

export interface UnpackDeps {
  exec: Exec
  /** A folder of the caller's for short-lived files. */
  workDir: string
}

export interface UnpackJob {
  format: FrameFormat
  frames: readonly Buffer[]
  /** Of each frame, unpacked: a frame that says it is larger is refused before anything runs. */
  maxBytes: number
  errorCode: ErrorCode
  /** What the frames are, for errors: `metadata of router.iso:live/filesystem.squashfs`. */
  what: string
}

export interface UnpackWholeJob {
  format: FrameFormat
  /** One frame or several, also such that do not tell their size. */
  bytes: Buffer
  maxBytes: number
  errorCode: ErrorCode
  /** For errors: the file's path. */
  what: string
}

export const frameTools: readonly HostTool[] = [
  { command: 'xz', package: 'xz-utils', why: 'unpacks what is compressed with xz or lzma' },
  { command: 'zstd', package: 'zstd', why: 'unpacks what is compressed with zstd' },
]

/** Above every dictionary that is of use for pieces of 64 MiB, far below what hurts. */
const memoryLimit = '80MiB'
let counter = 0

/**
 * Unpacks frames, each on its own. Every frame says how large it is; one run of the program takes all of them, since
 * frames of one format may follow each other.
 * @throws ForgeError with the job's code for damaged frames and for such that do not tell their size
 */
export async function unpackFrames(job: UnpackJob, { exec, workDir }: UnpackDeps): Promise<Buffer[]> {
  if (job.frames.length === 0) return []
  const sizes = job.frames.map((frame, index) => {
    const size = frameSize(job.format, frame)
    if (size === undefined || size > job.maxBytes) throw new ForgeError(job.errorCode, `${job.what}: ${job.format} piece ${String(index)} ${size === undefined ? 'is damaged' : `would unpack to ${String(size)} bytes, more than ${String(job.maxBytes)}`}`, { hint: 'get the file again from a source you trust' })
    return size
  })
  const total = sizes.reduce((sum, size) => sum + size, 0)
  counter += 1
  const input = join(workDir, `frames-${String(counter)}`)
  const output = `${input}.out`
  const inputs = job.format === 'lzma' ? job.frames.map((_frame, index) => `${input}.${String(index)}`) : [input]
  try {
    // .lzma files cannot be put together, but the program takes many.
    if (job.format === 'lzma') for (const [index, path] of inputs.entries()) await writeAll(path, job.frames.slice(index, index + 1))
    else await writeAll(input, job.frames)
    // The limit on the file's size holds for frames that lie about theirs.
    await exec(['prlimit', `--fsize=${String(total)}`, ...programOf(job.format), '--', ...inputs] as unknown as Argv, {
      stdoutFile: output, doing: `unpack ${job.what}`, errorCode: job.errorCode, hint: 'the file is damaged; get it again', timeoutMs: 5 * 60_000,
    })
    const bytes = await readFile(output)
    if (bytes.length !== total) throw new ForgeError(job.errorCode, `${job.what}: ${String(bytes.length)} bytes came out of ${job.format} instead of ${String(total)}`, { hint: 'the file is damaged; get it again' })
    let at = 0
    return sizes.map((size) => {
      at += size
      return bytes.subarray(at - size, at)
    })
  } finally {
    for (const path of [...inputs, output]) await rm(path, { force: true })
  }
}

/**
 * Unpacks a file of frames whose sizes may not be known before.
 * @throws ForgeError with the job's code for a damaged file, and for one that is too large or needs too much memory
 */
export async function unpackWhole({ format, bytes, maxBytes, errorCode, what }: UnpackWholeJob, { exec, workDir }: UnpackDeps): Promise<Buffer> {
  counter += 1
  const input = join(workDir, `frames-${String(counter)}`)
  const output = `${input}.out`
  try {
    await writeAll(input, [bytes])
    // One byte more tells what is too large from what just fits.
    await exec(['prlimit', `--fsize=${String(maxBytes + 1)}`, ...programOf(format), '--', input] as unknown as Argv, {
      stdoutFile: output, doing: `unpack ${what}`, errorCode, hint: `the file is damaged, or needs more than ${memoryLimit} of memory or ${String(maxBytes)} bytes of room; pack it again with the usual settings`, timeoutMs: 5 * 60_000,
    })
    const unpacked = await readFile(output)
    if (unpacked.length > maxBytes) throw new ForgeError(errorCode, `${what} unpacks to more than ${String(maxBytes)} bytes`, { hint: 'get the file again from a source you trust' })
    return unpacked
  } finally {
    for (const path of [input, output]) await rm(path, { force: true })
  }
}

function programOf(format: FrameFormat): string[] {
  switch (format) {
    case 'xz': return ['xz', '--decompress', '--stdout', '--quiet', '--format=xz', `--memlimit-decompress=${memoryLimit}`]
    case 'lzma': return ['xz', '--decompress', '--stdout', '--quiet', '--format=lzma', `--memlimit-decompress=${memoryLimit}`]
    case 'zstd': return ['zstd', '--decompress', '--stdout', '--quiet', '--no-progress']
    default: return format satisfies never
  }
}

async function writeAll(path: string, pieces: readonly Buffer[]): Promise<void> {
  await using file = await open(path, 'w', 0o600)
  await file.writev([...pieces])
}

/** What a frame says its unpacked size is; undefined for a damaged one, and for one that does not say. */
export function frameSize(format: FrameFormat, frame: Buffer): number | undefined {
  switch (format) {
    case 'xz': return xzSize(frame)
    case 'zstd': return zstdSize(frame)
    case 'lzma': {
      if (frame.length < 13) return undefined
      const size = frame.readBigUInt64LE(5)
      return size > 0xffffffffn ? undefined : Number(size)
    }
    default: return format satisfies never
  }
}

/** The sum over the stream's index (The .xz File Format, section 4); padding behind the stream is not looked for. */
function xzSize(frame: Buffer): number | undefined {
  const end = frame.length
  if (end < 32 || frame.toString('latin1', end - 2) !== 'YZ' || frame.readUIntBE(0, 6) !== 0xfd377a585a00) return undefined
  let at = end - 12 - (frame.readUInt32LE(end - 8) + 1) * 4
  if (at < 12 || frame[at] !== 0) return undefined
  at += 1
  const number = (): number => {
    let value = 0
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = frame[at] ?? 0
      at += 1
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return Infinity
  }
  const records = number()
  let total = 0
  for (let index = 0; index < records; index += 1) {
    number()
    total += number()
    if (at > end - 12) return undefined
  }
  return total === Infinity ? undefined : total
}

/** The frame header's content size (RFC 8878, section 3.1.1.1). */
function zstdSize(frame: Buffer): number | undefined {
  if (frame.length < 6 || frame.readUInt32LE(0) !== 0xfd2fb528) return undefined
  const descriptor = frame[4] ?? 0
  const single = (descriptor & 0x20) !== 0
  const at = 5 + (single ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0)
  const field = descriptor >> 6
  const bytes = field === 0 ? (single ? 1 : 0) : 2 ** field
  if (bytes === 0 || at + bytes > frame.length) return undefined
  if (bytes === 8) {
    const size = frame.readBigUInt64LE(at)
    return size > 0xffffffffn ? undefined : Number(size)
  }
  return frame.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0)
}
