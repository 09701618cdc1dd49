import { copyFile, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256File } from '../../scripts/lib/digest.ts'
import { expectEqual, ForgeError } from '../../scripts/lib/errors.ts'
import { extractTar, sourceLimits } from '../../scripts/lib/extract.ts'
import { extractDeb } from '../../scripts/lib/extract-deb.ts'
import type { RunDeps } from '../../scripts/pipeline/stage.ts'
import type { SourceArtifact } from './artifact.ts'
import type { SourcePlan } from './plan.ts'
import type { SourceLocked } from './spec.ts'
import { sourceEntries, treeDigest } from './tree-digest.ts'
import { versionOfTree } from './tree-version.ts'

type Deps = RunDeps<unknown>

export async function run(plan: SourcePlan, deps: Deps): Promise<SourceArtifact> {
  const artifact = await unpack(plan.locked, plan, deps)
  const src = join(deps.outDir, 'src')
  expectEqual(await versionOfTree(src), plan.joolVersion, 'E_SOURCE', 'the version inside Jool\'s sources', 'correct source.version in the target')
  return artifact
}

async function unpack(locked: SourceLocked, plan: SourcePlan, deps: Deps): Promise<SourceArtifact> {
  const src = join(deps.outDir, 'src')
  switch (locked.provider) {
    case 'debian':
      return unpackDebian(locked, plan, deps)
    case 'upstream': {
      const [tarball] = await deps.fetch([locked.tarball])
      if (tarball === undefined) throw new ForgeError('E_BUG', 'no local copy of the tarball')
      if (locked.signature) await verifySignature(locked.signature, tarball, deps)
      deps.log.step(`unpacking ${locked.tarball.fileName}`)
      await extractTar(tarball, src, { limits: sourceLimits, strip: 1 })
      return { joolVersion: plan.joolVersion, srcDir: 'src', sourceReferences: [] }
    }
    case 'directory': {
      deps.log.step(`copying ${locked.path}`)
      await copySources(locked.path, src)
      expectEqual(await treeDigest(src), locked.treeSha256, 'E_LOCK_STALE', `the digest of the sources in ${locked.path}`, 'the sources changed since the lock was written: resolve anew with --update')
      return { joolVersion: plan.joolVersion, srcDir: 'src', sourceReferences: [] }
    }
    default:
      return locked satisfies never
  }
}

async function unpackDebian(locked: Extract<SourceLocked, { provider: 'debian' }>, plan: SourcePlan, deps: Deps): Promise<SourceArtifact> {
  const [dkms, tools] = await deps.fetch([locked.dkms.file, locked.tools.file])
  if (dkms === undefined || tools === undefined) throw new ForgeError('E_BUG', 'no local copy of Jool\'s packages')
  deps.log.step('unpacking jool-dkms and jool-tools')
  const unpacked = join(deps.workDir, 'dkms')
  await extractDeb(dkms, unpacked, deps, { limits: sourceLimits, only: ['usr/src'] })
  const trees = await readdir(join(unpacked, 'usr/src'))
  const [tree] = trees
  if (tree === undefined || trees.length !== 1) throw new ForgeError('E_SOURCE', `${locked.dkms.file.fileName} should hold one folder in /usr/src, it holds ${String(trees.length)}`)
  await copySources(join(unpacked, 'usr/src', tree), join(deps.outDir, 'src'))
  await extractDeb(tools, join(deps.outDir, 'tools'), deps, { limits: sourceLimits })

  const sourceFiles: string[] = []
  if (locked.reference.included) {
    await mkdir(join(deps.outDir, 'source-package'))
    const paths = await deps.fetch(locked.reference.files)
    for (const [index, file] of locked.reference.files.entries()) {
      const name = join('source-package', file.fileName)
      await copyFile(paths[index] ?? '', join(deps.outDir, name))
      sourceFiles.push(name)
    }
  }
  return {
    joolVersion: plan.joolVersion, srcDir: 'src',
    tools: { dir: 'tools', depends: locked.toolsDepends, sourceFiles },
    sourceReferences: [locked.reference],
  }
}

async function verifySignature(signature: { file: string; keyring: string; sha256: string; keyringSha256: string }, tarball: string, { exec }: Deps): Promise<void> {
  expectEqual(await sha256File(signature.file), signature.sha256, 'E_LOCK_STALE', `the digest of ${signature.file}`, 'resolve anew with --update')
  expectEqual(await sha256File(signature.keyring), signature.keyringSha256, 'E_LOCK_STALE', `the digest of ${signature.keyring}`, 'resolve anew with --update')
  await exec(['gpgv', '--keyring', signature.keyring, signature.file, tarball], {
    doing: 'verify the signature of Jool\'s tarball', errorCode: 'E_SIGNATURE', hint: 'do not use the tarball; check source.signature in the target',
  })
}

/** Copies files and links only: what else lies in a checkout (sockets, version control) is not source. */
async function copySources(from: string, to: string): Promise<void> {
  for (const path of await sourceEntries(from)) {
    await mkdir(dirname(join(to, path)), { recursive: true })
    const link = await readlink(join(from, path)).catch(() => undefined)
    if (link === undefined) await copyFile(join(from, path), join(to, path))
    else await symlink(link, join(to, path))
  }
}
