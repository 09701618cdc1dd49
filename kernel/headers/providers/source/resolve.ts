import { basename } from 'node:path'
import { sha256 } from '../../../../scripts/domain/digest.ts'
import { kernelRelease } from '../../../../scripts/domain/kernel-release.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { ResolveDeps } from '../../../../scripts/pipeline/stage.ts'
import { joolVersion } from '../../../../scripts/domain/jool-version.ts'
import type { SourceLocked } from '../../../source/artifact.ts'
import { compilePackages } from '../../../compile/packages.ts'
import { patchesFor } from '../../../compile/patches.ts'
import { lockKey } from '../../../signing/key.ts'
import type { ProviderInput } from '../../provider.ts'
import { lockFragment, lockPatches, readLocked, type LockedFragment } from './inputs.ts'
import { requestedOptions } from './options.ts'
import type { SourceKernelLocked, SourceKernelSpec } from './spec.ts'

/** What building a kernel and packing it with its own `make bindeb-pkg` takes. */
const buildDepends = ['gcc', 'bc', 'bison', 'ccache', 'cpio', 'debhelper', 'dpkg-dev', 'flex', 'libelf-dev', 'libssl-dev', 'lz4', 'openssl', 'patch', 'perl', 'python3-minimal', 'rsync', 'zstd']

/** `jool` is what the target resolved to; its modules may be compiled with the kernel. */
export async function resolveSource({ spec, target }: ProviderInput<SourceKernelSpec>, deps: ResolveDeps, jool?: SourceLocked): Promise<SourceKernelLocked> {
  // First what a person may have got wrong: the key, the files.
  const signing = await lockKey(spec.signing, deps.targetDir, deps)
  const { base, fragments } = await lockConfig(spec, deps.targetDir)
  const patches = await lockPatches(spec.patches, deps.targetDir)
  const { sources, version } = await lockSources(spec, target, deps)
  const release = kernelRelease(`${version}${await localVersion(base, fragments)}`)
  const joolPatches = jool === undefined || signing.policy !== 'ephemeral' ? [] : await patchesFor({ version: joolVersion(jool.joolVersion), released: jool.provider !== 'directory' }, release)
  const index = await deps.archive.open(target.suite, target.architecture)
  return {
    provider: 'source', release, version, sources, patches, base, fragments, revision: spec.revision, signing,
    buildDepends, buildRoot: await index.closure([...compilePackages, ...buildDepends]),
    ...(joolPatches.length > 0 ? { joolPatches } : {}),
  }
}

async function lockConfig({ config, kernel }: SourceKernelSpec, targetDir: string): Promise<Pick<SourceKernelLocked, 'base' | 'fragments'>> {
  const { base } = config
  const fragments = (byDefault: readonly string[]): Promise<LockedFragment[]> => Promise.all((config.fragments ?? byDefault).map((given) => lockFragment(given, targetDir)))
  if (base === 'allnoconfig' || base === 'tinyconfig' || base === 'defconfig') {
    return { base, fragments: await fragments(kernel.from === 'debian' ? ['router', 'debian-secure-boot'] : ['router']) }
  }
  if (/^\w+config$/.test(base)) throw new ForgeError('E_TARGET', `headers.config.base: ${base} is none of allnoconfig, tinyconfig and defconfig`, { hint: 'write one of these, or the path of a whole configuration, for example ./my.config' })
  const file = await lockFragment(/[./]/.test(base) ? base : `./${base}`, targetDir)
  if ('shipped' in file) throw new ForgeError('E_BUG', `${base} was taken for a fragment`)
  return { base: file, fragments: await fragments([]) }
}

async function lockSources({ kernel }: SourceKernelSpec, target: ProviderInput<SourceKernelSpec>['target'], deps: ResolveDeps): Promise<Pick<SourceKernelLocked, 'sources' | 'version'>> {
  switch (kernel.from) {
    case 'debian': {
      const index = await deps.archive.open(kernel.suite ?? target.suite, target.architecture)
      const [found] = await index.exactly([kernel.version === undefined ? kernel.package : `${kernel.package}=${kernel.version}`])
      const version = /^(\d+\.\d+\.\d+)[-+~]/.exec(found?.version ?? '')?.[1]
      if (!found || version === undefined) throw new ForgeError('E_RESOLVE', `${kernel.package} of ${kernel.suite ?? target.suite} has the version "${found?.version ?? ''}", which names no kernel`)
      return { sources: { from: 'debian', package: found }, version }
    }
    case 'url':
      return { sources: { from: 'url', tarball: { fileName: basename(new URL(kernel.url).pathname), sizeBytes: kernel.sizeBytes, sha256: sha256(kernel.sha256), from: { url: kernel.url } } }, version: kernel.version }
    default:
      return kernel satisfies never
  }
}

/** What the configuration appends to the version: the last CONFIG_LOCALVERSION. */
async function localVersion(base: SourceKernelLocked['base'], fragments: readonly LockedFragment[]): Promise<string> {
  let suffix = ''
  for (const file of [...(typeof base === 'string' ? [] : [base]), ...fragments]) {
    const name = 'shipped' in file ? `${file.shipped}.config` : basename(file.path)
    for (const option of requestedOptions((await readLocked(file)).toString('utf8'), name)) {
      if (option.name === 'LOCALVERSION') suffix = option.value.replace(/^"(.*)"$/, '$1')
    }
  }
  return suffix
}
