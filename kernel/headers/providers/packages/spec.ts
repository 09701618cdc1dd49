import { z } from 'zod'
import { givenDeb, lockedDeb } from '../../given-deb.ts'
import { lockedForAll, releaseText } from '../../provider.ts'

// Packages of a kernel build, as `make bindeb-pkg` writes them.

export const packagesSpec = z.strictObject({
  provider: z.literal('packages'),
  headers: z.union([givenDeb, z.array(givenDeb).min(1)]).describe('The linux-headers package; a list where the build tree is spread over several packages.'),
  image: givenDeb.optional().describe('The linux-image package of the same build: its modules\' symbol CRCs are compared too, and a router image can be made with it.'),
  release: releaseText.optional().describe('The kernel release that they must be for.'),
}).describe('A linux-headers package, as `make bindeb-pkg` writes it.')
export type PackagesSpec = z.infer<typeof packagesSpec>

export const packagesLocked = z.strictObject({
  provider: z.literal('packages'),
  ...lockedForAll,
  headers: z.array(lockedDeb).min(1),
  image: lockedDeb.optional(),
})
export type PackagesLocked = z.infer<typeof packagesLocked>
