import { z } from 'zod'
import { lockedPackage } from '../../scripts/domain/remote-file.ts'
import { suites, type Suite } from '../../scripts/domain/suite.ts'
import { canonicalJson, sha256Of } from '../../scripts/lib/digest.ts'
import type { DebianArchive } from '../../scripts/lib/debian-archive.ts'

/** What a container's root is made of, fixed: with the packages of ours that are given, all that decides its bytes. */
export const containerLocked = z.strictObject({
  suite: z.enum(suites),
  /** Seconds since 1970: no time in the image is later. */
  sourceDateEpoch: z.number().int().positive(),
  packages: z.array(lockedPackage),
})
export type ContainerLocked = z.infer<typeof containerLocked>

/**
 * What nat64ctl depends on, and calls for TAYGA; beside that only what every Debian has. No apt, which takes itself for essential: a container is replaced, not
 * brought up to date. Without usr-is-merged, what would convert a root comes along, and all of Perl with it.
 */
const wanted = ['?and(?essential, ?not(?exact-name(apt)))', 'usr-is-merged', 'python3', 'iproute2', 'kmod', 'procps', 'nftables', 'tayga']

/** What the lock of the last image is kept as. */
export function containerNote(suite: Suite): string {
  return `oci-${sha256Of(canonicalJson({ suite, wanted })).slice(0, 16)}.json`
}

/** Asks the archive what is newest. */
export async function resolveContainer(suite: Suite, archive: DebianArchive): Promise<ContainerLocked> {
  const index = await archive.open(suite, 'amd64')
  return { suite, sourceDateEpoch: index.dateEpoch, packages: await index.closure(wanted) }
}
