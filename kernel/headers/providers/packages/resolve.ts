import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { ResolveDeps } from '../../../../scripts/pipeline/stage.ts'
import { compilerFor } from '../../compiler.ts'
import { findBuildTree } from '../../build-tree.ts'
import { lockDeb, unpackHeaders, type GivenDeb, type LockedDeb } from '../../given-deb.ts'
import type { ProviderInput } from '../../provider.ts'
import { gatherKbuild } from '../gather-kbuild.ts'
import type { PackagesLocked, PackagesSpec } from './spec.ts'

export async function resolvePackages({ spec, target }: ProviderInput<PackagesSpec>, deps: ResolveDeps): Promise<PackagesLocked> {
  const { headers, release, ...needs } = await lockHeaders(spec.headers, target, deps)
  if (spec.release !== undefined && spec.release !== release) {
    throw new ForgeError('E_HEADERS_RELEASE', `${headers[0]?.file.fileName ?? ''} is for ${release}, the target wants ${spec.release}`, { hint: 'give the headers of the router\'s kernel, or correct headers.release in the target' })
  }
  if (spec.image === undefined) return { provider: 'packages', release, ...needs, headers }
  const { path: _, ...image } = await lockDeb(spec.image, target.architecture, deps)
  return { provider: 'packages', release, ...needs, headers, image }
}

/** Reads the packages of a build tree: their digests, the release they are for, and the compiler that release wants. */
export async function lockHeaders(given: GivenDeb | readonly GivenDeb[], target: ProviderInput<unknown>['target'], deps: ResolveDeps): Promise<Pick<PackagesLocked, 'release' | 'headers' | 'buildDepends'> & { cc: string }> {
  const headers: LockedDeb[] = []
  const dir = join(deps.workDir, 'given-headers')
  try {
    for (const one of Array.isArray(given) ? given as readonly GivenDeb[] : [given as GivenDeb]) {
      const { path, ...locked } = await lockDeb(one, target.architecture, deps)
      await unpackHeaders(path, dir, { exec: deps.exec, workDir: deps.workDir })
      headers.push(locked)
    }
    const src = join(dir, 'usr/src')
    await gatherKbuild(join(dir, 'usr/lib'), src)
    const { release, compiler } = await findBuildTree(src, headers.map(({ file }) => file.fileName).join(', '))
    return { release, headers, ...await compilerFor(compiler, await deps.archive.open(target.suite, target.architecture), deps.log) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
