import type { Entry } from './entry.ts'
import { others } from './entries/others.ts'
import { rfc6052 } from './entries/rfc6052.ts'
import { rfc6146 } from './entries/rfc6146.ts'
import { rfc7757 } from './entries/rfc7757.ts'
import { rfc7915Fragments } from './entries/rfc7915-fragments.ts'
import { rfc7915Headers } from './entries/rfc7915-headers.ts'
import { rfc7915Icmp } from './entries/rfc7915-icmp.ts'

/** The whole table. Entries that share a configuration stand together, so that it is applied once. */
export const table: readonly Entry[] = [...rfc7915Headers, ...rfc7915Icmp, ...rfc7915Fragments, ...rfc6146, ...rfc7757, ...rfc6052, ...others]
