import { gunzipSync } from 'node:zlib'
import { unpackFrames, type FrameFormat, type UnpackDeps } from '../../scripts/formats/unpack-frames.ts'
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

/** @throws ForgeError E_ELF when one does not unpack */
export async function unpackModules(modules: readonly { file: ModuleFile; bytes: Buffer }[], deps: UnpackDeps): Promise<Buffer[]> {
  const byFormat = new Map<FrameFormat, Buffer[]>()
  for (const format of ['xz', 'zstd'] as const) {
    const frames = modules.filter(({ file }) => file.compression === format).map(({ bytes }) => bytes)
    byFormat.set(format, await unpackFrames({ format, frames, maxBytes: maxModuleBytes, maxTotalBytes, errorCode: 'E_ELF', what: `modules (${modules[0]?.file.path ?? ''} …)` }, deps))
  }
  const next: Record<FrameFormat, number> = { xz: 0, zstd: 0, lzma: 0 }
  let left = maxTotalBytes
  return modules.map(({ file, bytes }) => {
    switch (file.compression) {
      case 'none': return bytes
      case 'gzip': {
        const unpacked = gunzipped(file.path, bytes, Math.min(maxModuleBytes, left))
        left -= unpacked.length
        return unpacked
      }
      case 'xz': case 'zstd': {
        const unpacked = byFormat.get(file.compression)?.[next[file.compression]]
        next[file.compression] += 1
        return unpacked ?? Buffer.alloc(0)
      }
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
