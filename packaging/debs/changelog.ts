/** A changelog.Debian with one entry. */
export function changelog(entry: { source: string; version: string; suite: string; maintainer: string; epochSeconds: number; changes: readonly string[] }): string {
  const { source, version, suite, maintainer, epochSeconds, changes } = entry
  return [
    `${source} (${version}) ${suite}; urgency=medium`,
    '',
    ...changes.map((change) => `  * ${change}`),
    '',
    ` -- ${maintainer}  ${rfc5322Date(epochSeconds)}`,
    '',
  ].join('\n')
}

/** `Mon, 05 Jan 2026 10:00:00 +0000`, as Debian's changelogs have it. */
export function rfc5322Date(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toUTCString().replace(/GMT$/, '+0000')
}

/** YYYY-MM-DD, as manual pages have it. */
export function isoDate(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().slice(0, 10)
}
