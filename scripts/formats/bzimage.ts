import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../lib/errors.ts'
import type { Argv } from '../lib/exec.ts'
import type { HostTool } from '../lib/host-tools.ts'
import type { ByteSource } from './byte-source.ts'
import type { UnpackDeps } from './unpack-frames.ts'

export type KernelCompression = 'gzip' | 'bzip2' | 'lzma' | 'xz' | 'lzo' | 'lz4' | 'zstd' | 'none'

/** An x86 kernel image as boot loaders take it (Documentation/arch/x86/boot.rst), without what is packed inside. */
export interface BzImage {
  /** `uname -r` of the kernel: the first word of its version text. */
  release: string
  /** The whole version text: release, builder, number, date. */
  banner: string
  architecture: 'amd64' | 'i386'
  compression: KernelCompression
  /** Where the packed kernel lies in the file. */
  payload: { offset: number; sizeBytes: number }
  /** What the kernel unpacks to. */
  unpackedBytes: number
}

const magics: readonly [KernelCompression, string][] = [
  ['gzip', '1f8b'], ['bzip2', '425a68'], ['lzma', '5d0000'], ['xz', 'fd377a585a00'], ['lzo', '894c5a4f'], ['lz4', '02214c18'], ['zstd', '28b52ffd'], ['none', '7f454c46'],
]

/** The kernel of a distribution unpacks to 30 to 80 MB. */
const maxKernelBytes = 512 * 1048576

export const kernelImageTools: readonly HostTool[] = [
  { command: 'lz4', package: 'lz4', why: 'unpacks kernels that are compressed with lz4' },
  { command: 'lzop', package: 'lzop', why: 'unpacks kernels that are compressed with lzo' },
  { command: 'bzip2', package: 'bzip2', why: 'unpacks kernels that are compressed with bzip2' },
]

/** @throws ForgeError E_KERNEL_IMAGE */
export async function readBzImage(source: ByteSource): Promise<BzImage> {
  const damaged = (what: string, at: number): ForgeError => new ForgeError('E_KERNEL_IMAGE', `${source.name}: ${what} (byte ${String(at)})`, { hint: 'the kernel image is damaged, or not one for x86' })
  if (source.sizeBytes < 4096) throw damaged('it is too short for a kernel', source.sizeBytes)
  const setup = await source.read(0, 1024)
  if (setup.toString('latin1', 0x202, 0x206) !== 'HdrS') throw damaged('it is not an x86 kernel image', 0x202)
  const protocol = setup.readUInt16LE(0x206)
  if (protocol < 0x208) throw damaged(`it has boot protocol ${String(protocol >> 8)}.${String(protocol & 0xff)}; a kernel since 2.6.24 has 2.8 or more`, 0x206)
  const codeAt = ((setup[0x1f1] ?? 0) || 4) * 512 + 512
  const payload = { offset: codeAt + setup.readUInt32LE(0x248), sizeBytes: setup.readUInt32LE(0x24c) }
  if (payload.sizeBytes < 32 || payload.offset + payload.sizeBytes > source.sizeBytes) throw damaged('the packed kernel lies outside the file', 0x248)
  const bannerAt = setup.readUInt16LE(0x20e) + 0x200
  const banner = bannerAt === 0x200 || bannerAt + 256 > source.sizeBytes ? '' : (await source.read(bannerAt, 256)).toString('latin1').split('\0')[0] ?? ''
  const release = /^[\x21-\x7e]+/.exec(banner)?.[0]
  if (release === undefined) throw damaged('it has no version text', 0x20e)

  const start = (await source.read(payload.offset, 8)).toString('hex')
  const compression = magics.find(([, magic]) => start.startsWith(magic))?.[0]
  if (compression === undefined) throw damaged(`the packed kernel starts with ${start}, which no known compression does`, payload.offset)
  // Behind every kind of packed kernel stands its unpacked size; gzip's own trailer is that.
  const unpackedBytes = compression === 'none' ? payload.sizeBytes : (await source.read(payload.offset + payload.sizeBytes - 4, 4)).readUInt32LE(0)
  if (unpackedBytes > maxKernelBytes) throw damaged(`the packed kernel claims to be ${String(unpackedBytes)} bytes large`, payload.offset + payload.sizeBytes - 4)
  return { release, banner: banner.replace(/[^\x20-\x7e]/g, '?'), architecture: (setup.readUInt16LE(0x236) & 1) === 1 ? 'amd64' : 'i386', compression, payload, unpackedBytes }
}

/** Writes the kernel itself, an ELF file, into the work folder. @throws ForgeError E_KERNEL_IMAGE */
export async function unpackKernel(source: ByteSource, { compression, payload, unpackedBytes }: BzImage, { exec, workDir }: UnpackDeps): Promise<string> {
  const packed = join(workDir, 'kernel.packed')
  const unpacked = join(workDir, 'kernel')
  // Programs take the appended size for garbage.
  await copyRange(source, payload.offset, compression === 'none' || compression === 'gzip' ? payload.sizeBytes : payload.sizeBytes - 4, packed)
  if (compression === 'none') return packed
  await exec(['prlimit', `--fsize=${String(unpackedBytes)}`, ...programOf(compression), packed] as unknown as Argv, {
    stdoutFile: unpacked, doing: `unpack the kernel in ${source.name} (${compression})`, errorCode: 'E_KERNEL_IMAGE', hint: 'the kernel image is damaged; get it again', timeoutMs: 5 * 60_000,
  })
  return unpacked
}

function programOf(compression: Exclude<KernelCompression, 'none'>): string[] {
  switch (compression) {
    // The kernel's own window may be 128 MiB; only what the kernel fills of it becomes memory.
    case 'xz': return ['xz', '--decompress', '--stdout', '--quiet', '--memlimit-decompress=256MiB']
    case 'lzma': return ['xz', '--decompress', '--stdout', '--quiet', '--format=lzma', '--memlimit-decompress=256MiB']
    case 'zstd': return ['zstd', '--decompress', '--stdout', '--quiet', '--no-progress']
    case 'gzip': return ['gzip', '--decompress', '--stdout', '--quiet']
    case 'bzip2': return ['bzip2', '--decompress', '--stdout', '--quiet']
    case 'lz4': return ['lz4', '-d', '-c', '-q']
    case 'lzo': return ['lzop', '--decompress', '--stdout', '--quiet']
    default: return compression satisfies never
  }
}

async function copyRange(source: ByteSource, offset: number, length: number, path: string): Promise<void> {
  const step = 1 << 20
  const window = Buffer.allocUnsafe(step)
  await using file = await open(path, 'w', 0o600)
  for (let at = 0; at < length; at += step) await file.write(await source.read(offset + at, Math.min(step, length - at), window))
}
