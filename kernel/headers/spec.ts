import { z } from 'zod'
import { debianLocked, debianSpec } from './providers/debian/spec.ts'
import { isoKernelLocked, isoKernelSpec } from './providers/iso/spec.ts'
import { packagesLocked, packagesSpec } from './providers/packages/spec.ts'
import { sourceLocked, sourceSpec } from './providers/source/spec.ts'
import { treeLocked, treeSpec } from './providers/tree/spec.ts'

/** Where the kernel's build tree comes from. */
export const headersSpec = z.discriminatedUnion('provider', [debianSpec, packagesSpec, isoKernelSpec, treeSpec, sourceSpec]).prefault({ provider: 'debian' })
export type HeadersSpec = z.infer<typeof headersSpec>

export const headersLocked = z.discriminatedUnion('provider', [debianLocked, packagesLocked, isoKernelLocked, treeLocked, sourceLocked])
export type HeadersLocked = z.infer<typeof headersLocked>
