import type { HeadersLocked } from '../../../kernel/headers/artifact.ts'
import type { LockedPackage } from '../../../scripts/domain/remote-file.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { lockGivenFile, nameOf, placeOf } from '../../../scripts/lib/given-file.ts'
import type { ResolveDeps, ResolveInput } from '../../../scripts/pipeline/stage.ts'
import { bootedKernel, openRouterImage, systemOf, toChange } from '../../inspect/artifact.ts'
import type { ExistingLocked, ExistingSpec } from './spec.ts'

/** What nat64ctl depends on. */
const toolPackages = ['python3', 'iproute2']

/**
 * The image's digest, and the packages of the suite that may be needed in it. What the image has under a name is its own: none of that is
 * brought up to date on the way. `versions` are those that the image will have.
 * @throws ForgeError E_TARGET, E_HEADERS_RELEASE, E_IMAGE and the like
 */
export async function resolveExisting({ spec, target, before: { headers } }: ResolveInput<ExistingSpec, { headers: HeadersLocked }>, libraries: readonly string[], deps: ResolveDeps): Promise<{ locked: ExistingLocked; versions: ReadonlyMap<string, string> }> {
  if (spec.kernel === 'replace') requireKernelPackage(headers)
  const from = await lockGivenFile(spec.from, { targetDir: deps.targetDir, key: 'iso.from', errorCode: 'E_IMAGE' })
  const script = spec.script === undefined ? undefined : await lockGivenFile(spec.script, { targetDir: deps.targetDir, key: 'iso.script', errorCode: 'E_TARGET' })
  const name = nameOf(from)
  await using image = await openRouterImage(await placeOf(from, deps), deps).catch(toChange)
  if (!image.iso) throw new ForgeError('E_IMAGE', `${name} is not an ISO`, { hint: 'give the router\'s live ISO in iso.from' })
  const { release } = await bootedKernel(image)
  if (spec.kernel === 'own' && String(release) !== headers.release) {
    throw new ForgeError('E_HEADERS_RELEASE', `the headers are for ${headers.release}, ${name} boots ${release}`, { hint: `give the headers of ${release} in the target, or write iso.kernel: replace to put ${headers.release} in its place` })
  }
  const { packages: present, suite } = await systemOf(image)
  if (suite !== undefined && suite !== target.suite) throw new ForgeError('E_TARGET', `${name} is made of Debian ${suite}, and the target's suite is ${target.suite}`, { hint: `write suite: ${suite} in the target, so that what is compiled fits the image's libraries; for inject, give such a target with --target FILE.yaml` })
  const there = versionsOf(present ?? [])
  const index = await deps.archive.open(target.suite, target.architecture)
  const closure = await index.closure([...libraries, ...toolPackages, ...spec.packages])
  const needed = (pkg: LockedPackage): boolean => !there.has(pkg.name) || spec.packages.includes(pkg.name)
  const packages = closure.filter(needed)
  return { locked: { kind: 'existing', from, packages, ...(script === undefined ? {} : { script }) }, versions: new Map([...there, ...versionsOf(packages)]) }
}

/** By name. */
export function versionsOf(packages: readonly { name: string; version: string }[]): ReadonlyMap<string, string> {
  return new Map(packages.map(({ name, version }) => [name, version]))
}

function requireKernelPackage(headers: HeadersLocked): void {
  if (headers.provider === 'source' || (headers.provider === 'packages' && headers.image !== undefined)) return
  throw new ForgeError('E_TARGET', `iso.kernel: replace needs a kernel's package to put in the image, and headers.provider: ${headers.provider} brings none${headers.provider === 'packages' ? ' without headers.image' : ''}`, {
    hint: 'choose headers.provider: source, or packages with headers.image; or leave iso.kernel out to keep the image\'s own',
  })
}
