/**
 * Version of the source and of jool-tools: `4.1.13+forge1-1`. `+forge1` belongs to the upstream part, so that it
 * sorts above every Debian revision of that Jool version, and below the next Jool version.
 */
export function packageVersion(joolVersion: string, revision: number): string {
  return `${upstreamVersion(joolVersion, revision)}-1`
}

/** The upstream part: `4.1.13+forge1`. */
export function upstreamVersion(joolVersion: string, revision: number): string {
  return `${joolVersion}+forge${String(revision)}`
}

/** Version of what is nat64-forge's own and has nothing of Jool: `0.1.0-1`. */
export function ownVersion(forgeVersion: string, revision: number): string {
  return `${forgeVersion}-${String(revision)}`
}

/**
 * Version of a package whose content follows a kernel: `4.1.13+forge1-1+linux6.1.192+2`. Without the kernel in it,
 * a build for the next kernel would have the same version, and apt would not see an upgrade.
 */
export function kernelBoundVersion(version: string, kernelVersion: string): string {
  // A hyphen would end the upstream part; Debian's signed kernels replace it likewise. An epoch has no place in a revision, nor has a release's underscore.
  return `${version}+linux${kernelVersion.replace(/^\d+:/, '').replace(/[-_]/g, '+')}`
}

/**
 * Everything with exactly this upstream version, Debian's revisions and ours alike. `X.0~` is the smallest version
 * above all of `X-…` and `X+…`: in dpkg's order `+` comes before `.`.
 */
export function sameUpstream(packageName: string, joolVersion: string): string[] {
  return [`${packageName} (>= ${joolVersion})`, `${packageName} (<< ${joolVersion}.0~)`]
}

/** A kernel release inside a package name, where only a–z 0–9 + - . may stand; as the kernel's own `bindeb-pkg` writes it. */
export function inPackageName(release: string): string {
  return release.toLowerCase().replace(/[_~]/g, '-')
}
