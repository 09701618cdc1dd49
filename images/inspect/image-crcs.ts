import { parseKernelModule } from '../../scripts/formats/kernel-module.ts'
import { moduleExports } from '../../scripts/formats/module-exports.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { readKernelImage } from './kernel-image.ts'
import type { ImageKernel } from './kernel.ts'
import { moduleFiles, readModules } from './module-files.ts'
import type { RouterImage } from './router-image.ts'

/** One place in an image that says which CRC a symbol has. */
export interface ImageCrc {
  crc: number
  /** Path on the ISO or in the root. */
  source: string
  /** The kernel or module has the symbol, or the module was built against it. */
  how: 'exports' | 'imports'
}

/** Symbol → what the image says of its CRC. More than one entry: the image contradicts itself, or says it from both ends. */
export type ImageCrcs = ReadonlyMap<string, readonly ImageCrc[]>

/** Modules read at a time: bounds memory. */
const step = 48

/**
 * What an image says of symbols' CRCs: the kernel's and its modules' own tables, and what all shipped modules were built
 * against (`__versions`). Of each symbol one place a kind and CRC. Reads every module, uncompressed, xz, zstd or gzip:
 * seconds for a distribution's kernel.
 * @throws ForgeError E_KERNEL_IMAGE, E_ELF, E_SQUASHFS
 */
export async function collectImageCrcs(image: RouterImage, kernel: ImageKernel): Promise<ImageCrcs> {
  const crcs = new Map<string, ImageCrc[]>()
  const add = (symbol: string, crc: number | undefined, source: string, how: ImageCrc['how']): void => {
    if (crc === undefined) return
    const known = crcs.get(symbol)
    if (known?.some((other) => other.crc === crc && other.how === how)) return
    if (known) known.push({ crc, source, how })
    else crcs.set(symbol, [{ crc, source, how }])
  }
  const booted = await readKernelImage(image, kernel).catch((error: unknown) => {
    // A root without its kernel: its modules still tell what they were built against.
    if (error instanceof ForgeError && error.code === 'E_IMAGE_KERNEL') return undefined
    throw error
  })
  for (const [symbol, { crc }] of booted?.exports ?? []) add(symbol, crc, booted?.file ?? '', 'exports')
  const root = await image.root()
  const files = await moduleFiles(root, kernel.modulesDir)
  for (let at = 0; at < files.length; at += step) {
    const batch = files.slice(at, at + step)
    for (const [index, bytes] of (await readModules(root, batch, image.deps)).entries()) {
      const path = batch[index]?.path ?? ''
      for (const [symbol, { crc }] of moduleExports(bytes, path)) add(symbol, crc, path, 'exports')
      for (const [symbol, crc] of parseKernelModule(bytes, path).versions) add(symbol, crc, path, 'imports')
    }
  }
  return crcs
}
