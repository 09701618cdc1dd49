import { z } from 'zod'
import { givenDeb, lockedDeb } from '../../given-deb.ts'
import { lockedForAll } from '../../provider.ts'
import { packageVersion } from '../../../../scripts/domain/remote-file.ts'
import { fileByUrl, lockedFile } from '../../../../scripts/lib/given-file.ts'

// A router's own image says which kernel it has; its headers come from elsewhere and must be of the same build.

export const isoKernelSpec = z.strictObject({
  provider: z.literal('iso'),
  iso: z.union([
    z.string().min(1).describe('The router\'s ISO, the squashfs in it, or an unpacked root; relative to this file.'),
    fileByUrl('iso', 'ISO'),
  ]),
  headers: z.union([givenDeb, z.array(givenDeb).min(1)]).optional().describe('The linux-headers package of its kernel. Default: where the catalogue of kernels says that it can be had.'),
}).describe('The kernel of a router\'s image.')
export type IsoKernelSpec = z.infer<typeof isoKernelSpec>

export const isoKernelLocked = z.strictObject({
  provider: z.literal('iso'),
  ...lockedForAll,
  /** The image. Of an unpacked root, the digest is that of its kernels. */
  iso: lockedFile,
  headers: z.array(lockedDeb).min(1),
  /** Version of linux-image-RELEASE that is installed in the image. */
  imageVersion: packageVersion.optional(),
})
export type IsoKernelLocked = z.infer<typeof isoKernelLocked>
