import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { kernelsIn, openRouterImage, signingPolicyOf } from '../../../../images/inspect/artifact.ts'
import type { KernelRelease } from '../../../../scripts/domain/kernel-release.ts'
import type { KernelConfig } from '../../../../scripts/formats/kconfig.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { ResolveDeps } from '../../../../scripts/pipeline/stage.ts'
import { signingMeans, type KernelSignatures, type TrustedCertificates } from '../../../signing/acceptance.ts'
import { compilerFor } from '../../compiler.ts'
import { findBuildTree } from '../../build-tree.ts'
import { lockDeb, unpackHeaders, unpackImage, type GivenDeb, type LockedDeb } from '../../given-deb.ts'
import type { ProviderInput } from '../../provider.ts'
import { certificatesInImage } from '../../trusted-certificates.ts'
import { gatherKbuild } from '../gather-kbuild.ts'
import type { PackagesLocked, PackagesSpec } from './spec.ts'

export async function resolvePackages({ spec, target }: ProviderInput<PackagesSpec>, deps: ResolveDeps): Promise<PackagesLocked> {
  const { headers, release, config, means, ...needs } = await lockHeaders(spec.headers, target, deps)
  if (spec.release !== undefined && spec.release !== release) {
    throw new ForgeError('E_HEADERS_RELEASE', `${headers[0]?.file.fileName ?? ''} is for ${release}, the target wants ${spec.release}`, { hint: 'give the headers of the router\'s kernel, or correct headers.release in the target' })
  }
  const signatures: KernelSignatures = { policy: signingPolicyOf(config), ...means }
  if (spec.image === undefined) return { provider: 'packages', release, ...needs, headers, signatures }
  const { path, ...image } = await lockDeb(spec.image, target.architecture, deps)
  const trusted = signatures.policy === 'off' ? undefined : await certificatesInPackage(path, image.file.fileName, { release, config }, deps)
  return { provider: 'packages', release, ...needs, headers, image, signatures: { ...signatures, ...(trusted ? { trusted } : {}) } }
}

async function certificatesInPackage(path: string, shown: string, { release, config }: Pick<TreeFound, 'release' | 'config'>, deps: ResolveDeps): Promise<TrustedCertificates | undefined> {
  const dir = join(deps.workDir, 'given-image')
  try {
    await unpackImage(path, dir, { exec: deps.exec, workDir: deps.workDir }, { modules: false })
    // Without it, a folder does not count as a root.
    await mkdir(join(dir, 'etc'), { recursive: true })
    await using image = await openRouterImage(dir, deps)
    const kernel = (await kernelsIn(image)).find((one) => one.release === release)
    return kernel && await certificatesInImage(image, kernel, shown, config)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** What is known of a build tree before it is gone again. */
interface TreeFound {
  release: KernelRelease
  config: KernelConfig
  means: Pick<KernelSignatures, 'signFile' | 'hashes'>
}

/** Reads the packages of a build tree: their digests, the release they are for, and the compiler that release wants. */
export async function lockHeaders(given: GivenDeb | readonly GivenDeb[], target: ProviderInput<unknown>['target'], deps: ResolveDeps): Promise<Pick<PackagesLocked, 'headers' | 'buildDepends'> & { cc: string } & TreeFound> {
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
    const { tree, release, config } = await findBuildTree(src, headers.map(({ file }) => file.fileName).join(', '))
    return { release, config, means: await signingMeans(join(src, tree), config), headers, ...await compilerFor(config.value('CC_VERSION_TEXT') ?? '', await deps.archive.open(target.suite, target.architecture), deps.log) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
