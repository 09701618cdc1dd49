import { basename, resolve as resolvePath } from 'node:path'
import { upstreamPart } from '../../scripts/domain/jool-version.ts'
import type { LockedPackage, RemoteFile } from '../../scripts/domain/remote-file.ts'
import { sha256 } from '../../scripts/domain/digest.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { ResolveDeps, ResolveInput } from '../../scripts/pipeline/stage.ts'
import { treeDigest } from './tree-digest.ts'
import { versionOfTree } from './tree-version.ts'
import type { SourceLocked, SourceReference, SourceSpec } from './spec.ts'

export async function resolve({ spec, target }: ResolveInput<SourceSpec, unknown>, deps: ResolveDeps): Promise<SourceLocked> {
  switch (spec.provider) {
    case 'debian': {
      const index = await deps.archive.open(spec.suite, target.architecture, { sources: true })
      const wanted = (name: string): string => spec.version === undefined ? name : `${name}=${spec.version}`
      const [dkms, tools] = await index.exactly([wanted('jool-dkms'), wanted('jool-tools')])
      if (!dkms || !tools) throw new ForgeError('E_RESOLVE', `${spec.suite} has no jool-dkms and jool-tools`)
      requireSameVersion(dkms, tools)
      const record = await index.show(`jool-tools=${tools.version}`)
      const depends = (record['Depends'] ?? '').split(',').map((item) => item.trim()).filter((item) => item !== '')
      const files = await index.sourceFiles('jool', tools.version)
      return {
        provider: 'debian', joolVersion: upstreamPart(dkms.version), debianVersion: dkms.version, dkms, tools,
        toolsDepends: depends, reference: await referTo('jool', tools.version, files, deps),
      }
    }
    case 'upstream': {
      const tarball: RemoteFile = { fileName: basename(new URL(spec.url).pathname), sizeBytes: spec.sizeBytes, sha256: sha256(spec.sha256), from: { url: spec.url } }
      if (spec.signature === undefined) return { provider: 'upstream', joolVersion: spec.version, tarball }
      const file = resolvePath(deps.targetDir, spec.signature.file)
      const keyring = resolvePath(deps.targetDir, spec.signature.keyring)
      return { provider: 'upstream', joolVersion: spec.version, tarball, signature: { file, keyring, sha256: await sha256File(file), keyringSha256: await sha256File(keyring) } }
    }
    case 'directory': {
      const path = resolvePath(deps.targetDir, spec.path)
      return { provider: 'directory', joolVersion: await versionOfTree(path), path, treeSha256: await treeDigest(path) }
    }
    default:
      return spec satisfies never
  }
}

function requireSameVersion(dkms: LockedPackage, tools: LockedPackage): void {
  if (dkms.version === tools.version) return
  throw new ForgeError('E_RESOLVE', `jool-dkms is ${dkms.version} and jool-tools is ${tools.version}; modules and tools must be of one version`, {
    hint: 'give an exact version in source.version',
  })
}

/** Mirrors may list source packages without serving them; then the packages say so instead of the build failing. */
async function referTo(sourcePackage: string, version: string, files: RemoteFile[], deps: ResolveDeps): Promise<SourceReference> {
  try {
    await deps.fetch(files)
    return { sourcePackage, version, files, included: true }
  } catch (error) {
    if (!(error instanceof ForgeError) || (error.code !== 'E_VANISHED' && error.code !== 'E_DOWNLOAD')) throw error
    deps.log.warn(`the mirror lists the source package ${sourcePackage} ${version} but does not serve it; packages/SOURCES.txt names its files and digests instead`)
    return { sourcePackage, version, files, included: false }
  }
}
