import { z } from 'zod'
import { packageVersion } from '../../../../scripts/domain/remote-file.ts'
import { lockedForAll, releaseText } from '../../provider.ts'

// A kernel build tree on this machine, after its `make`: nat64-forge called as the last step of somebody's kernel build.

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256: 64 hexadecimal digits, lower case')

export const treeSpec = z.strictObject({
  provider: z.literal('tree'),
  path: z.string().min(1).describe('The folder in which the kernel was built, relative to this file. Nothing is written into it.'),
  release: releaseText.optional().describe('The kernel release that it must be of.'),
  packageVersion: packageVersion.optional().describe('Version of the linux-image package that the same build makes. Default: what `make bindeb-pkg` left in debian/changelog.'),
}).describe('A configured and built kernel tree, for a call at the end of a kernel build.')
export type TreeSpec = z.infer<typeof treeSpec>

export const treeLocked = z.strictObject({
  provider: z.literal('tree'),
  ...lockedForAll,
  path: z.string(),
  /** Over all of the tree that modules are compiled with. */
  treeSha256: digest,
  packageVersion: packageVersion.optional(),
})
export type TreeLocked = z.infer<typeof treeLocked>
