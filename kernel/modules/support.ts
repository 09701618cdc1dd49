import semver from 'semver'
import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import { kernelSeries, type KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'

interface SupportRow {
  jool: string
  /** What Jool's authors claim for this version, as a range of kernel series. */
  claimed: string
  /** Series on which a test of this project built, loaded and passed packets. */
  verified: readonly string[]
  /** The range of series for which kernel/patches takes it beyond the claim. */
  patched?: string
}

/** Jool version ↔ kernel series. To add a row: Jool's release notes for `claimed`, a passed smoke test for `verified`. */
export const supportTable: readonly SupportRow[] = [
  { jool: '4.1.5', claimed: '3.16 - 5.11', verified: [] },
  { jool: '4.1.6', claimed: '4.4 - 5.15', verified: [] },
  { jool: '4.1.7', claimed: '4.4 - 5.15', verified: [] },
  { jool: '4.1.8', claimed: '4.9 - 5.16', verified: [] },
  { jool: '4.1.9', claimed: '4.9 - 6.1', verified: ['6.12'], patched: '6.2 - 6.12' },
  { jool: '4.1.10', claimed: '4.14 - 6.3', verified: [] },
  { jool: '4.1.11', claimed: '4.18 - 6.7', verified: [] },
  { jool: '4.1.12', claimed: '4.19 - 6.10', verified: [] },
  { jool: '4.1.13', claimed: '5.15 - 6.11', verified: ['6.1', '6.12'] },
  { jool: '4.1.14', claimed: '5.15 - 6.15', verified: [] },
  { jool: '4.1.15', claimed: '5.15 - 6.18', verified: [] },
]

export type Support = { kind: 'claimed' | 'verified' } | { kind: 'verified-beyond-claim' | 'patched' | 'untested'; note: string }

/** @throws ForgeError E_KERNEL_TOO_NEW; E_UNSUPPORTED naming a version of Jool that would do */
export function supportOf(jool: JoolVersion, release: KernelRelease, { untested = false }: { untested?: boolean | undefined } = {}): Support {
  const series = kernelSeries(release)
  const shown = `${String(series.major)}.${String(series.minor)}`
  const row = supportTable.find((candidate) => candidate.jool === jool)
  if (!row) {
    throw new ForgeError('E_UNSUPPORTED', `Jool ${jool} is not in the support table`, { hint: 'add a row to kernel/modules/support.ts, with the range of kernels from Jool\'s release notes' })
  }
  const claimed = semver.satisfies(series, row.claimed)
  const patched = row.patched !== undefined && semver.satisfies(series, row.patched)
  if (row.verified.includes(shown)) {
    return claimed ? { kind: 'verified' } : { kind: 'verified-beyond-claim', note: `Jool ${jool} claims Linux ${inWords(row.claimed)}; on ${shown} it was tested here${patched ? ', with nat64-forge\'s patches,' : ''} and works` }
  }
  if (claimed) return { kind: 'claimed' }
  if (patched) return { kind: 'patched', note: `Jool ${jool} claims Linux ${inWords(row.claimed)}; nat64-forge patches it for ${inWords(row.patched ?? '')}: nobody has tried ${shown}` }
  if (untested) return { kind: 'untested', note: `nobody says that Jool ${jool} works with ${release}; the target asks for it all the same` }
  if (supportTable.every((candidate) => semver.gtr(series, candidate.claimed) && !candidate.verified.includes(shown))) {
    const newest = supportTable.at(-1)
    throw new ForgeError('E_KERNEL_TOO_NEW', `the target's kernel ${release} is newer than any that Jool supports: ${newest?.jool ?? ''} goes up to Linux ${newest?.claimed.split(' - ')[1] ?? ''}`, {
      hint: 'use an older kernel; or, when there is a newer Jool, add its row to kernel/modules/support.ts',
    })
  }
  const others = supportTable.filter((candidate) => semver.satisfies(series, candidate.claimed) || candidate.verified.includes(shown)).map((candidate) => candidate.jool)
  throw new ForgeError('E_UNSUPPORTED', `Jool ${jool} supports Linux ${inWords(row.claimed)}, the target's kernel is ${release}`, {
    hint: others.length > 0 ? `use Jool ${others.at(-1) ?? ''} (${others.join(', ')} would do)` : 'no known version of Jool supports this kernel',
  })
}

function inWords(range: string): string {
  return range.replace(' - ', ' to ')
}
