import { gunzipSync } from 'node:zlib'
import { frameSize, unpackFrames, unpackWhole, type UnpackDeps } from '../../scripts/formats/unpack-frames.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { ImageRoot } from './image.ts'

export type ModuleCompression = 'none' | 'gzip' | 'xz' | 'zstd'

/** A module in an image. */
export interface ModuleFile {
  /** In the root. */
  path: string
  /** As `modprobe` knows it. */
  name: string
  compression: ModuleCompression
}

/** The largest of Debian's is 5 MB, with debug information about 60. */
const maxModuleBytes = 128 * 1048576
/** Of all that are unpacked in one go. */
const maxTotalBytes = 512 * 1048576

/** Every module below a folder, in the order of their paths. */
export async function moduleFiles(root: ImageRoot, dir: string): Promise<ModuleFile[]> {
  return (await root.filesBelow(dir)).map(moduleFile).filter((file) => file !== undefined)
}

/** Undefined when the path is not a module's. */
export function moduleFile(path: string): ModuleFile | undefined {
  const match = /([^/]+)\.ko(\.gz|\.xz|\.zst)?$/.exec(path)
  if (match?.[1] === undefined) return undefined
  const compression = ({ '': 'none', '.gz': 'gzip', '.xz': 'xz', '.zst': 'zstd' } as const)[match[2] ?? ''] ?? 'none'
  return { path, name: match[1].replace(/-/g, '_'), compression }
}

/** Modules' bytes as the kernel gets them, in the order asked for. @throws ForgeError E_ELF, E_SQUASHFS */
export async function readModules(root: ImageRoot, files: readonly ModuleFile[], deps: UnpackDeps): Promise<Buffer[]> {
  const contents = await root.readFiles(files.map((file) => file.path), { maxBytes: maxModuleBytes })
  return unpackModules(files.map((file, index) => ({ file, bytes: contents[index] ?? Buffer.alloc(0) })), deps)
}

/** @throws ForgeError E_ELF when one does not unpack, with its name */
export async function unpackModules(modules: readonly { file: ModuleFile; bytes: Buffer }[], deps: UnpackDeps): Promise<Buffer[]> {
  const unpacked = new Map<Buffer, Buffer>()
  let totalBytes = 0
  const count = (sizeBytes: number, path: string): void => {
    totalBytes += sizeBytes
    if (totalBytes > maxTotalBytes) throw new ForgeError('E_ELF', `${path} and the modules before it would unpack to more than ${String(maxTotalBytes)} bytes`, { hint: 'get the image again from a source you trust' })
  }
  for (const format of ['xz', 'zstd'] as const) {
    const all = modules.filter(({ file }) => file.compression === format)
    const whole = ({ file, bytes }: typeof modules[number]): Promise<Buffer> => unpackWhole({ format, bytes, maxBytes: maxModuleBytes, errorCode: 'E_ELF', what: file.path }, deps)
    // Those whose sizes are known in one run of the program; the others are few.
    const known = all.filter(({ bytes }) => (frameSize(format, bytes) ?? Infinity) <= maxModuleBytes)
    for (const { file, bytes } of known) count(frameSize(format, bytes) ?? 0, file.path)
    const frames = known.map(({ bytes }) => bytes)
    const together = await unpackFrames({ format, frames, maxBytes: maxModuleBytes, errorCode: 'E_ELF', what: known[0]?.file.path ?? '' }, deps).catch(async (error: unknown) => {
      if (!(error instanceof ForgeError) || error.code !== 'E_ELF') throw error
      // Which of them it was, the program does not say; where sizes were wrong, none of them is.
      return await Promise.all(known.map(whole))
    })
    for (const [index, bytes] of together.entries()) unpacked.set(frames[index] ?? bytes, bytes)
    for (const module of all) {
      if (unpacked.has(module.bytes)) continue
      const bytes = await whole(module)
      count(bytes.length, module.file.path)
      unpacked.set(module.bytes, bytes)
    }
  }
  let left = maxTotalBytes
  return modules.map(({ file, bytes }) => {
    switch (file.compression) {
      case 'none': return bytes
      case 'gzip': {
        const contents = gunzipped(file.path, bytes, Math.min(maxModuleBytes, left))
        left -= contents.length
        return contents
      }
      case 'xz': case 'zstd': return unpacked.get(bytes) ?? Buffer.alloc(0)
      default: return file.compression satisfies never
    }
  })
}

function gunzipped(path: string, bytes: Buffer, maxOutputLength: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength })
  } catch (cause) {
    throw new ForgeError('E_ELF', `${path} does not unpack with gzip`, { hint: 'the module is damaged; get it again', cause })
  }
}
