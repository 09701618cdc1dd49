/** A lintian tag that stays, and why. */
export interface Override {
  tag: string
  /** Only where the tag speaks of this; default: wherever it does. */
  about?: string
  why: string
}

const notForDebian: Override = {
  tag: 'initial-upload-closes-no-bugs',
  why: 'This is not an upload to Debian, where a first one closes the bug that asked for it.',
}

const localMail = ['bogus-mail-host', 'bogus-mail-host-in-debian-changelog'].map((tag): Override => ({
  tag,
  why: 'Built for one\'s own routers: the maintainer is whoever uses the machine it was built on.',
}))

const withoutDebhelper: Override = {
  tag: 'maintainer-script-should-not-use-dpkg-maintscript-helper',
  why: 'Packed without debhelper, which would write the same calls.',
}

const protectedField: Override = {
  tag: 'unknown-field',
  about: 'Protected',
  why: 'dpkg knows Protected since 1.20.1 (deb-control(5)), lintian does not yet.',
}

const longFileName: Override = {
  tag: 'package-has-long-file-name',
  why: 'The name holds the kernel release, which Debian made this long; Joliet discs are not what it travels on.',
}

const inVyosFolders: Override = {
  tag: 'dir-or-file-in-opt',
  why: 'VyOS reads templates and migration scripts there and nowhere else.',
}

/** What lintian lets pass: 80 characters, counted with the longest architecture's name (14) in place of `amd64`. */
const longestFileName = 80 - 14 + 'amd64'.length

export function overridesFor(kind: 'modules' | 'metapackage' | 'tools' | 'nat64ctl' | 'vyos-nat64', maintainer: string, fileName: string): Override[] {
  return [
    ...(/@[^.]+>$/.test(maintainer) ? localMail : []),
    ...(fileName.length > longestFileName ? [longFileName] : []),
    ...(kind === 'metapackage' ? [protectedField] : []),
    ...(kind === 'tools' ? [notForDebian, withoutDebhelper] : []),
    ...(kind === 'nat64ctl' ? [notForDebian] : []),
    ...(kind === 'vyos-nat64' ? [notForDebian, inVyosFolders] : []),
  ]
}

/** Text of usr/share/lintian/overrides/<package>; empty when there is nothing to override. */
export function overridesText(packageName: string, overrides: readonly Override[]): string {
  return overrides.map(({ tag, about = '*', why }) => `# ${why}\n${packageName}: ${tag} ${about}\n`).join('')
}
