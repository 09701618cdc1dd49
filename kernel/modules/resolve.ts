import type { HeadersLocked } from '../headers/artifact.ts'
import type { SourceLocked } from '../source/artifact.ts'
import { joolVersion } from '../../scripts/domain/jool-version.ts'
import { kernelRelease } from '../../scripts/domain/kernel-release.ts'
import type { ResolveDeps, ResolveInput } from '../../scripts/pipeline/stage.ts'
import type { ModulesLocked, ModulesSpec } from './spec.ts'
import { supportOf } from './support.ts'

const compile = ['make', 'libc6-dev', 'kmod', 'binutils', 'xz-utils']
const autotools = ['gcc', 'autoconf', 'automake', 'libtool', 'pkg-config', 'dpkg-dev', 'libnl-genl-3-dev', 'libxtables-dev']

export async function resolve({ target, before }: ResolveInput<ModulesSpec, { source: SourceLocked; headers: HeadersLocked }>, deps: ResolveDeps): Promise<ModulesLocked> {
  // Asked here too, so that an unsupported pair is refused before a build root is looked up.
  supportOf(joolVersion(before.source.joolVersion), kernelRelease(before.headers.release))
  const index = await deps.archive.open(target.suite, target.architecture)
  const wanted = ['?essential', 'apt', ...compile, ...before.headers.buildDepends, ...(before.source.provider === 'debian' ? [] : autotools)]
  return { buildRoot: await index.closure(wanted) }
}
