import { basename, resolve as resolvePath } from 'node:path'
import { bootedKernel, commandLinesOf, openRouterImage, signingPolicyOf, systemOf, type ImageSystem } from '../../../../images/inspect/artifact.ts'
import { headersUrl, readCatalogue, rowsFor } from '../../../catalogue/catalogue.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import { nameOf, placeOf, remoteFileOf } from '../../../../scripts/lib/given-file.ts'
import type { ResolveDeps } from '../../../../scripts/pipeline/stage.ts'
import type { GivenDeb } from '../../given-deb.ts'
import { certificatesInImage } from '../../trusted-certificates.ts'
import type { ProviderInput } from '../../provider.ts'
import { lockHeaders } from '../packages/resolve.ts'
import { imageDigest } from './image-digest.ts'
import type { IsoKernelLocked, IsoKernelSpec } from './spec.ts'

export async function resolveIso({ spec, target }: ProviderInput<IsoKernelSpec>, deps: ResolveDeps): Promise<IsoKernelLocked> {
  const iso = await lockImage(spec.iso, deps.targetDir)
  const path = 'path' in iso ? iso.path : await placeOf(iso, deps)
  const name = nameOf(iso)
  await using image = await openRouterImage(path, deps)
  const kernel = await bootedKernel(image)
  const { release } = kernel
  const system = await systemOf(image)
  const imageVersion = installedVersion(system, release)
  const given = spec.headers ?? await fromCatalogue(release, system.vyosVersion, imageVersion, deps)
  const { release: found, config, means, ...locked } = await lockHeaders(given, target, deps)
  if (found !== release) {
    throw new ForgeError('E_HEADERS_RELEASE', `${locked.headers[0]?.file.fileName ?? ''} is for ${found}, ${name} runs ${release}`, { hint: `give the headers of ${release}, from the build that made the image` })
  }
  const policy = signingPolicyOf(config, image.iso ? await commandLinesOf(image.iso) : [])
  const trusted = policy === 'off' ? undefined : await certificatesInImage(image, kernel, name, config)
  return { provider: 'iso', release, ...locked, signatures: { policy, ...means, ...(trusted ? { trusted } : {}) }, iso, ...(imageVersion === undefined ? {} : { imageVersion }) }
}

async function lockImage(given: IsoKernelSpec['iso'], targetDir: string): Promise<IsoKernelLocked['iso']> {
  if (typeof given !== 'string') return remoteFileOf(given)
  const path = resolvePath(targetDir, given)
  return { path, name: basename(path), sha256: await imageDigest(path) }
}

/** The version of the image's kernel package, from its dpkg; undefined where the kernel came without one. */
function installedVersion({ packages }: ImageSystem, release: string): string | undefined {
  const name = `linux-image-${release.toLowerCase().replace(/[_~]/g, '-')}`
  return packages?.find((pkg) => pkg.name === name || pkg.name === `${name}-unsigned`)?.version
}

async function fromCatalogue(release: string, vyosVersion: string | undefined, version: string | undefined, deps: ResolveDeps): Promise<GivenDeb> {
  const [row] = rowsFor(await readCatalogue(), release, vyosVersion)
  const url = version === undefined ? undefined : headersUrl(row, release, version)
  if (url === undefined) {
    throw new ForgeError('E_RESOLVE', `where the headers of ${release} are is not known: the row ${row.name} of the catalogue names no URL`, {
      hint: `give headers.headers in the target (the linux-headers package of the build that made the image), or headers.url in kernel/catalogue/${row.name}.yaml`,
    })
  }
  deps.log.warn(`the headers come from ${url}, and nobody has said their digest: the lock will, and what is in them is compared with the image`)
  const { sizeBytes, sha256 } = await deps.take(url)
  return { url, sizeBytes, sha256 }
}
