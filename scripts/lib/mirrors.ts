import { ForgeError } from './errors.ts'
import type { Exec } from './exec.ts'

/** Where Debian's archives are served, without trailing slash. The locks name archives by role, so any mirror will do. */
export interface Mirrors {
  debian: string
  'debian-security': string
}

export interface MirrorOptions {
  /** URL that stands for the host's own choice. */
  debian?: string
  security?: string
}

const suiteName = /^(bullseye|bookworm|trixie|forky|sid|stable|oldstable|testing|unstable)(-security|-updates)?$/

/** The mirrors that the host's own apt uses, unless given. @throws ForgeError E_NO_MIRROR */
export async function hostMirrors(exec: Exec, given: MirrorOptions = {}): Promise<Mirrors> {
  const found = given.debian === undefined || given.security === undefined
    ? mirrorsOf((await exec(['apt-get', 'indextargets', '--format', '$(REPO_URI) $(RELEASE) $(ORIGIN)', 'Created-By: Packages'], { doing: 'read the host\'s apt configuration' })).stdout)
    : {}
  const debian = given.debian ?? found.debian
  if (debian === undefined) {
    throw new ForgeError('E_NO_MIRROR', 'the host\'s apt has no Debian mirror', { hint: 'add one to /etc/apt/sources.list.d, or give --debian-mirror URL' })
  }
  // Mirrors carry both archives side by side, so one follows from the other.
  const security = given.security ?? found['debian-security'] ?? `${debian.replace(/\/+$/, '')}-security`
  return { debian: debian.replace(/\/+$/, ''), 'debian-security': security.replace(/\/+$/, '') }
}

/**
 * Reads `URI RELEASE ORIGIN` lines; the first match of each role wins, as in apt. Others publish suites of Debian's names
 * too, so one whose index says Debian goes before one not yet read whose path looks right; anything else is no mirror.
 */
export function mirrorsOf(lines: string): Partial<Mirrors> {
  const mirrors: Partial<Mirrors> = {}
  const rows = lines.split('\n').map((line) => line.trim().split(' '))
  const likely = [
    rows.filter(([, , origin]) => origin === 'Debian'),
    rows.filter(([uri, , origin]) => (origin === undefined || origin === '' || origin === '$(ORIGIN)') && /\/debian(-security)?\/*$/.test(uri ?? '')),
  ]
  for (const [uri, release] of likely.flat()) {
    const match = suiteName.exec((release ?? '').replace('/updates', '-security'))
    if (uri === undefined || !match) continue
    mirrors[match[2] === '-security' ? 'debian-security' : 'debian'] ??= uri.replace(/\/+$/, '')
  }
  return mirrors
}
