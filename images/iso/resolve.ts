import type { HeadersLocked } from '../../kernel/headers/artifact.ts'
import type { SourceLocked } from '../../kernel/source/artifact.ts'
import { dependencyNames } from '../../scripts/lib/debian-archive.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { ResolveDeps, ResolveInput } from '../../scripts/pipeline/stage.ts'
import { resolveExisting, versionsOf } from './existing/resolve.ts'
import { lockSecureBoot } from './secure-boot/key.ts'
import type { SecureBootLocked } from './secure-boot/spec.ts'
import type { IsoLocked, IsoSpec, ReferenceLocked, ReferenceSpec } from './spec.ts'

/** The reference router, beside kernel and NAT64: what a person at its console expects. */
const routerPackages = [
  '?essential', '?priority(required)', 'apt', 'ca-certificates', 'systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'procps', 'less',
  'live-boot', 'live-boot-initramfs-tools', 'initramfs-tools', 'zstd',
  'iproute2', 'iputils-ping', 'nftables', 'tcpdump', 'ethtool',
  // What nat64ctl depends on, beside iproute2; for its mode iptables; and its other engine.
  'python3', 'iptables', 'tayga',
]

/** Libraries of Jool's tools when they are compiled here: known only after compiling, but always these. */
const compiledToolsDepends = ['libc6', 'libnl-3-200', 'libnl-genl-3-200', 'libxtables12']

interface Before { source: SourceLocked; headers: HeadersLocked }

export async function resolve({ spec, target, before }: ResolveInput<IsoSpec, Before>, deps: ResolveDeps): Promise<IsoLocked> {
  const libraries = before.source.provider === 'debian' ? dependencyNames(before.source.toolsDepends.join(', ')) : compiledToolsDepends
  const { locked, versions } = spec.kind === 'existing' ? await resolveExisting({ spec, target, before }, libraries, deps) : await resolveReference({ spec, target, before }, libraries, deps)
  if (before.source.provider === 'debian') await demandLibraries(before.source, versions, target.suite, deps)
  return locked
}

/**
 * Of another suite, Jool's tools may want newer libraries than the image has: that is known before anything is compiled.
 * @throws ForgeError E_TARGET
 */
async function demandLibraries({ tools, toolsDepends }: Extract<SourceLocked, { provider: 'debian' }>, versions: ReadonlyMap<string, string>, suite: string, { exec }: ResolveDeps): Promise<void> {
  for (const relation of toolsDepends) {
    const [, name = '', operator = '', wanted = ''] = /^(\S+?)(?::\w+)? \((<<|<=|=|>=|>>) (\S+)\)$/.exec(relation) ?? []
    // Alternatives, and what another package provides, are apt's.
    const version = versions.get(name)
    if (version === undefined) continue
    const { exitStatus } = await exec(['dpkg', '--compare-versions', version, operator, wanted], { okStatus: [0, 1], doing: 'compare versions' })
    if (exitStatus === 0) continue
    throw new ForgeError('E_TARGET', `jool-tools ${tools.version} depends on ${relation}, and the image will have ${name} ${version}: they could not be installed`, {
      hint: `name in source.suite or source.version a Jool whose tools fit Debian ${suite}, or have its sources compiled (source.provider: upstream or directory)`,
    })
  }
}

async function resolveReference({ spec, target, before }: ResolveInput<ReferenceSpec, Before>, libraries: readonly string[], deps: ResolveDeps): Promise<{ locked: ReferenceLocked; versions: ReadonlyMap<string, string> }> {
  refuseContradiction(spec.kernel, before.headers.provider)
  const secureBoot = await resolveSecureBoot(spec, before.headers, deps)
  const backports = before.headers.provider === 'debian' && before.headers.backports === true
  const index = await deps.archive.open(target.suite, target.architecture, ...(backports ? [{ backports }] : []))
  const packages = await index.closure([...routerPackages, ...kernelPackages(before.headers), ...libraries, ...spec.packages])
  return { locked: { packages, ...(secureBoot === undefined ? {} : { secureBoot }) }, versions: versionsOf(packages) }
}

function refuseContradiction(kernel: ReferenceSpec['kernel'], provider: HeadersLocked['provider']): void {
  if (kernel === 'own' && provider !== 'debian') {
    throw new ForgeError('E_TARGET', `iso.kernel: own keeps Debian's kernel, but headers.provider: ${provider} is about another one`, { hint: 'write iso.kernel: replace, or leave it out' })
  }
  if (kernel === 'replace' && provider === 'debian') {
    throw new ForgeError('E_TARGET', 'iso.kernel: replace needs a kernel to put in place of Debian\'s, and headers.provider: debian is Debian\'s', { hint: 'choose headers.provider: source or packages, or leave iso.kernel out' })
  }
}

/** @throws ForgeError E_TARGET where no kernel under Secure Boot would load Jool's modules; else as openKey */
async function resolveSecureBoot({ secureBoot }: ReferenceSpec, headers: HeadersLocked, deps: ResolveDeps): Promise<SecureBootLocked | undefined> {
  if (secureBoot === undefined) return undefined
  const refuse = (why: string, hint: string): ForgeError => new ForgeError('E_TARGET', `iso.secureBoot: under Secure Boot a kernel loads only modules that it trusts, and ${why}`, { hint })
  if (headers.provider === 'debian') throw refuse('Debian\'s kernel does not trust Jool\'s', 'put a kernel of your own in its place: headers.provider: source, or packages with modules.signing')
  if (headers.provider === 'source' && headers.signing.policy === 'none') throw refuse('headers.signing.key: none signs none', 'leave headers.signing out, or name a key there')
  return await lockSecureBoot(secureBoot, deps.targetDir, deps)
}

/** The kernel's packages, where they are Debian's: other kernels bring their own, or have none. */
function kernelPackages(headers: HeadersLocked): string[] {
  if (headers.provider !== 'debian') return []
  const { release, flavour, backports, metapackageVersion } = headers
  // A suite and its backports both have a metapackage of that name: its version says which.
  const version = backports === true && metapackageVersion !== undefined ? `=${metapackageVersion}` : ''
  return [`linux-image-${release}`, ...(flavour === undefined ? [] : [`linux-image-${flavour}${version}`])]
}
