import type { InjectManifest } from '../inspect/artifact.ts'
import type { OfferedPackage } from './packages.ts'

interface ManifestInput {
  /** What an earlier injection wrote. */
  old: InjectManifest | undefined
  source: InjectManifest['source']
  toolVersion: string
  /** By this injection. */
  installed: readonly { name: string; version: string; architecture: string }[]
  offered: readonly OfferedPackage[]
  /** Everything in the image now. */
  present: readonly { name: string; version: string; architecture: string }[]
  removed: readonly { name: string; version: string }[]
  /** Digest of the one that ran. */
  script: string | undefined
  kernel: { release: string; replaced: readonly string[] } | undefined
}

/** The manifest after an injection: one that came before is brought up to date, and the first source stays. Pure. */
export function newManifest({ old, source, toolVersion, installed, offered, present, removed, script, kernel }: ManifestInput): InjectManifest {
  const key = ({ name, architecture }: { name: string; architecture: string }): string => `${name.split(':')[0] ?? ''}:${architecture}`
  const packages = new Map((old?.packages ?? []).map((pkg) => [key(pkg), pkg]))
  for (const pkg of installed) {
    const from = offered.find(({ name, version, architecture }) => name === pkg.name && version === pkg.version && architecture === pkg.architecture)
    if (from) packages.set(key(pkg), { name: pkg.name, version: pkg.version, architecture: pkg.architecture, sha256: from.sha256 })
  }
  // What went since, or came to another version by other ways, is not what was installed here.
  const now = new Map(present.map((pkg) => [key(pkg), pkg.version]))
  const kept = [...packages].filter(([id, { version }]) => now.get(id) === version).sort(([one], [other]) => one < other ? -1 : 1).map(([, pkg]) => pkg)
  const names = new Set(present.map(({ name }) => name.split(':')[0]))
  const injected = new Set((old?.packages ?? []).map(({ name }) => name))
  // A package that an injection brought and a later one took away was never the source's.
  const gone = new Map([...(old?.removed ?? []), ...removed.filter(({ name }) => !injected.has(name))].filter(({ name }) => !names.has(name)).map((pkg) => [pkg.name, pkg]))
  const replaced = [...new Set([...(old?.kernel?.replaced ?? []), ...(kernel?.replaced ?? [])])].filter((release) => release !== kernel?.release)
  const lastKernel = kernel?.release ?? old?.kernel?.release
  return {
    format: 1, tool: { name: 'nat64-forge', version: toolVersion }, source: old?.source ?? source,
    packages: kept, removed: [...gone.values()].sort((one, other) => one.name < other.name ? -1 : 1).map(({ name, version }) => ({ name, version })),
    scripts: [...(old?.scripts ?? []).filter((digest) => digest !== script), ...(script === undefined ? [] : [script])],
    ...(lastKernel === undefined ? {} : { kernel: { release: lastKernel, replaced } }),
  }
}
