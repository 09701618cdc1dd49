import { compilePackages } from '../compile/packages.ts'
import { patchesFor } from '../compile/patches.ts'
import type { HeadersLocked } from '../headers/artifact.ts'
import { expectSignable, expectTrustedBy } from '../signing/acceptance.ts'
import { readCertificate } from '../signing/certificate.ts'
import { lockKey } from '../signing/key.ts'
import type { SourceLocked } from '../source/artifact.ts'
import { joolVersion } from '../../scripts/domain/jool-version.ts'
import { kernelRelease } from '../../scripts/domain/kernel-release.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { ResolveDeps, ResolveInput } from '../../scripts/pipeline/stage.ts'
import type { ModulesLocked, ModulesSpec } from './spec.ts'
import { supportOf } from './support.ts'

const autotools = ['gcc', 'autoconf', 'automake', 'libtool', 'pkg-config', 'dpkg-dev', 'libnl-genl-3-dev', 'libxtables-dev']

export async function resolve({ spec, target, before }: ResolveInput<ModulesSpec, { source: SourceLocked; headers: HeadersLocked }>, deps: ResolveDeps): Promise<ModulesLocked> {
  // Asked here too, so that an unsupported pair is refused before a build root is looked up.
  const [jool, release] = [joolVersion(before.source.joolVersion), kernelRelease(before.headers.release)]
  supportOf(jool, release, spec)
  const patches = await patchesFor({ version: jool, released: before.source.provider !== 'directory' }, release)
  const signing = await lockSigning(spec, before.headers, deps)
  const unsigned = !spec.signing && before.headers.provider !== 'source' && before.headers.signatures?.policy === 'forced'
  const index = await deps.archive.open(target.suite, target.architecture)
  const wanted = [...compilePackages, ...before.headers.buildDepends, ...(before.source.provider === 'debian' ? [] : autotools)]
  return { buildRoot: await index.closure(wanted), ...(signing ? { signing } : {}), ...(unsigned ? { unsigned } : {}), ...(patches.length > 0 ? { patches } : {}) }
}

/** A kernel that is built here brings its key; for others, the target may name one, which the kernel has to accept. @throws as lockKey, expectSignable, expectTrustedBy */
async function lockSigning({ signing }: ModulesSpec, headers: HeadersLocked, deps: ResolveDeps): Promise<ModulesLocked['signing']> {
  if (headers.provider === 'source') {
    if (signing) throw new ForgeError('E_TARGET', 'modules.signing: the kernel is built here, and its modules are signed with headers.signing', { hint: 'remove modules.signing' })
    const key = headers.signing
    return key.policy === 'file' || key.policy === 'pkcs11' ? { key } : undefined
  }
  if (!signing) return undefined
  const { signatures, release } = headers
  if (signatures) expectSignable(signatures, release, signing.hash)
  const key = await lockKey(signing, deps.targetDir, deps)
  if (signatures) expectTrustedBy(signatures, release, await readCertificate(key.certificateFile, Date.now()), key.certificateFile, deps.log)
  return { key, ...(signing.hash === undefined ? {} : { hash: signing.hash }) }
}
