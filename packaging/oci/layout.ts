import { copyFile, mkdir, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson, sha256File, sha256Of } from '../../scripts/lib/digest.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

// An image layout of the Open Container Initiative (image-spec 1.0) is four JSON texts and a tar. umoci would write it too, with the time of day in it and what it knows of
// this host's files; so it is written here, and umoci and skopeo read it in the tests.

const media = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

export interface ImageFacts {
  /** `NAME:TAG`, by which it is known where it is loaded. */
  reference: string
  createdEpochSeconds: number
  entrypoint: readonly string[]
  environment: readonly string[]
  /** Shown by `podman inspect`; also annotations of the manifest, for registries. */
  labels: Readonly<Record<string, string>>
}

interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

/** The layout of an image with one layer, the folder `root`, in `dir`, which must not exist. @returns the digest of its manifest */
export async function writeLayout(dir: string, root: string, facts: ImageFacts, exec: Exec, workDir: string): Promise<string> {
  const blobs = join(dir, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const created = new Date(facts.createdEpochSeconds * 1000).toISOString().replace('.000Z', 'Z')
  const { layer, diffId } = await writeLayer(blobs, root, facts.createdEpochSeconds, exec, workDir)
  const put = async (mediaType: string, value: unknown): Promise<Descriptor> => {
    const text = canonicalJson(value)
    const digest = sha256Of(text)
    await writeFile(join(blobs, digest), text)
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) }
  }
  const config = await put(media.config, {
    created, architecture: 'amd64', os: 'linux',
    config: { Entrypoint: facts.entrypoint, Env: facts.environment, Labels: facts.labels, StopSignal: 'SIGTERM' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
    history: [{ created, created_by: 'nat64-forge oci' }],
  })
  const manifest = await put(media.manifest, { schemaVersion: 2, mediaType: media.manifest, config, layers: [layer], annotations: facts.labels })
  await writeFile(join(dir, 'index.json'), canonicalJson({
    schemaVersion: 2, mediaType: media.index,
    manifests: [{ ...manifest, platform: { architecture: 'amd64', os: 'linux' }, annotations: { 'org.opencontainers.image.ref.name': facts.reference } }],
  }))
  await writeFile(join(dir, 'oci-layout'), canonicalJson({ imageLayoutVersion: '1.0.0' }))
  return manifest.digest
}

async function writeLayer(blobs: string, root: string, epochSeconds: number, exec: Exec, workDir: string): Promise<{ layer: Descriptor; diffId: string }> {
  const [tar, packed] = [join(workDir, 'layer.tar'), join(workDir, 'layer.tar.gz')]
  await exec(['tar', '--create', `--file=${tar}`, `--directory=${root}`, '--format=gnu', '--sort=name', `--mtime=@${String(epochSeconds)}`, '--clamp-mtime', '--numeric-owner', '--', '.'], { doing: 'pack the layer' })
  const diffId = await sha256File(tar)
  // Its name and time would go into the header.
  await exec(['gzip', '--no-name', '--stdout', tar], { stdoutFile: packed, doing: 'compress the layer' })
  const digest = await sha256File(packed)
  const path = join(blobs, digest)
  await rename(packed, path).catch(() => copyFile(packed, path))
  return { layer: { mediaType: media.layer, digest: `sha256:${digest}`, size: (await stat(path)).size }, diffId }
}
