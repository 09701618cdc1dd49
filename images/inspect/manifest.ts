/** Where an image says what was put into it. */
export const manifestPath = 'usr/share/doc/nat64-forge/manifest.json'

/** What `nat64-forge inject` put into an image, over all injections. No times, no names of files: the same packages in the same image give the same manifest. */
export interface InjectManifest {
  format: 1
  tool: { name: 'nat64-forge'; version: string }
  /** The image that the first injection was given. */
  source: { iso: { sha256: string; sizeBytes: number }; squashfs: { path: string; sha256: string; sizeBytes: number } }
  /** Every package that was installed and still is, by name; the digest is that of its .deb. */
  packages: { name: string; version: string; architecture: string; sha256: string }[]
  /** Packages of the source that are no longer in the image. */
  removed: { name: string; version: string }[]
  /** Digests of the scripts that ran in the image, in their order; the same one again counts once. */
  scripts: string[]
  /** Present when the source's kernel was replaced. */
  kernel?: { release: string; replaced: string[] }
}

/** Undefined for bytes that are no manifest of a known format. */
export function parseManifest(bytes: Buffer): InjectManifest | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'))
    return isManifest(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function isManifest(value: unknown): value is InjectManifest {
  const { format, tool, source, packages, removed, scripts, kernel } = fields(value)
  const digest = (text: unknown): boolean => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)
  const file = (one: unknown): boolean => digest(fields(one)['sha256']) && typeof fields(one)['sizeBytes'] === 'number'
  const named = (...keys: string[]) => (one: unknown): boolean => keys.every((key) => typeof fields(one)[key] === 'string')
  const list = (items: unknown, ok: (item: unknown) => boolean): boolean => Array.isArray(items) && items.every(ok)
  return format === 1 && named('name', 'version')(tool) && file(fields(source)['iso']) && file(fields(source)['squashfs']) && named('path')(fields(source)['squashfs'])
    && list(packages, named('name', 'version', 'architecture', 'sha256')) && list(removed, named('name', 'version')) && list(scripts, digest)
    && (kernel === undefined || (named('release')(kernel) && list(fields(kernel)['replaced'], (release) => typeof release === 'string')))
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' ? value as Readonly<Record<string, unknown>> : {}
}
