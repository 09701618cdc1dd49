import { readFile } from 'node:fs/promises'
import { join, resolve as resolvePath } from 'node:path'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { ResolveDeps } from '../../../../scripts/pipeline/stage.ts'
import { signingPolicyOf } from '../../../../images/inspect/artifact.ts'
import { signingMeans } from '../../../signing/acceptance.ts'
import { usableTree } from '../../build-tree.ts'
import { compilerFor } from '../../compiler.ts'
import { certificatesInTree } from '../../trusted-certificates.ts'
import type { ProviderInput } from '../../provider.ts'
import { buildFiles, digestOf } from './build-files.ts'
import type { TreeLocked, TreeSpec } from './spec.ts'

export async function resolveTree({ spec, target }: ProviderInput<TreeSpec>, deps: ResolveDeps): Promise<TreeLocked> {
  const path = resolvePath(deps.targetDir, spec.path)
  const files = await buildFiles(path)
  const { release, config } = await usableTree(path)
  if (spec.release !== undefined && spec.release !== release) {
    throw new ForgeError('E_HEADERS_RELEASE', `the kernel tree ${path} is for ${release}, the target wants ${spec.release}`, { hint: 'build the kernel anew, or correct headers.release in the target' })
  }
  const compiler = await compilerFor(config.value('CC_VERSION_TEXT') ?? '', await deps.archive.open(target.suite, target.architecture), deps.log)
  const packageVersion = spec.packageVersion ?? await versionOfPackages(path)
  const policy = signingPolicyOf(config)
  const trusted = policy === 'off' ? undefined : await certificatesInTree(path, release, config, deps)
  return {
    provider: 'tree', release, ...compiler, path, treeSha256: await digestOf(files),
    signatures: { policy, ...await signingMeans(path, config), ...(trusted ? { trusted } : {}) },
    ...(packageVersion === undefined ? {} : { packageVersion }),
  }
}

/** `6.6.54-1` of `linux-upstream (6.6.54-1) bookworm; urgency=low`. */
async function versionOfPackages(path: string): Promise<string | undefined> {
  const text = await readFile(join(path, 'debian/changelog'), 'utf8').catch(() => '')
  return /^\S+ \(([^)]+)\)/.exec(text)?.[1]
}
