import { gunzipSync } from 'node:zlib'
import { rm } from 'node:fs/promises'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { openByteSource } from '../../scripts/formats/byte-source.ts'
import { readBzImage, unpackKernel, type BzImage } from '../../scripts/formats/bzimage.ts'
import { kernelExports, kernelTexts, openVmlinux, type KernelExport } from '../../scripts/formats/vmlinux.ts'
import type { Certificate } from '../../scripts/formats/x509.ts'
import { isoKernel, rootKernel, type ImageKernel, type KernelFile } from './kernel.ts'
import type { RouterImage } from './router-image.ts'

/** What only the unpacked kernel tells. */
export interface KernelImage extends BzImage {
  /** Path on the ISO or in the root. */
  file: string
  /** Symbols that the kernel itself exports, with their CRCs. */
  exports: ReadonlyMap<string, KernelExport>
  /** The built-in keyring. */
  certificates: readonly Certificate[]
  /** What `modinfo -F vermagic` must say of a module. */
  vermagic: string | undefined
  /** The configuration inside the kernel (IKCONFIG). */
  configText: string | undefined
}

const maxConfigBytes = 4 * 1048576

/**
 * Unpacks a kernel of the image and reads it: the ISO's own for the one that boots, else that in the root.
 * @throws ForgeError E_IMAGE_KERNEL when there is none; E_KERNEL_IMAGE
 */
export async function readKernelImage(image: RouterImage, kernel: ImageKernel): Promise<KernelImage> {
  const file = (kernel.boots ? await isoKernel(image) : undefined) ?? (kernel.imageFile === undefined ? undefined : await rootKernel(image, kernel.imageFile))
  if (!file) throw new ForgeError('E_IMAGE_KERNEL', `${image.path} has modules of ${kernel.release}, and no image of that kernel`, { hint: 'give the ISO, not only its root' })
  return readKernelFile(image, file)
}

/** @throws ForgeError E_KERNEL_IMAGE */
export async function readKernelFile({ deps }: RouterImage, { path, source }: KernelFile): Promise<KernelImage> {
  const header = await readBzImage(source)
  const unpacked = await unpackKernel(source, header, deps)
  try {
    await using file = await openByteSource(unpacked)
    const vmlinux = await openVmlinux({ ...file, name: path })
    const { certificates, vermagic, packedConfig } = await kernelTexts(vmlinux, header.release)
    return { ...header, file: path, exports: await kernelExports(vmlinux), certificates, vermagic, configText: packedConfig && configOf(packedConfig) }
  } finally {
    // As large as all else together.
    await rm(unpacked, { force: true })
  }
}

function configOf(packed: Buffer): string | undefined {
  try {
    return gunzipSync(packed, { maxOutputLength: maxConfigBytes }).toString('utf8')
  } catch {
    return undefined
  }
}
