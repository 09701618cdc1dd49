import { dependencyNames, type SuiteIndex } from '../../../../scripts/lib/debian-archive.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { ResolveDeps } from '../../../../scripts/pipeline/stage.ts'
import type { ProviderInput } from '../../provider.ts'
import type { DebianLocked, DebianSpec } from './spec.ts'

const partOfTree = /^linux-(headers|kbuild)-/
/** The kernel itself: nothing that compiles against its headers needs it, and a build root without backports may not have it. */
const kernelItself = /^linux-(image|base|binary|modules)(-|$)/

export async function resolveDebian({ spec, target }: ProviderInput<DebianSpec>, deps: ResolveDeps): Promise<DebianLocked> {
  const backports = spec.backports === true
  const index = await deps.archive.open(target.suite, target.architecture, ...(backports ? [{ backports }] : []))
  // Both have a metapackage of that name; what it points to is in one of them only.
  const from = backports ? `/${target.suite}-backports` : ''
  const flavour = spec.release === undefined ? spec.flavour ?? target.architecture : undefined
  const release = spec.release ?? await newestRelease(index, `linux-headers-${flavour ?? target.architecture}`, from)
  const image = await index.show(`linux-image-${release}`)
  const metapackage = flavour === undefined ? undefined : await index.show(`linux-image-${flavour}${from}`)
  if (metapackage && !dependencyNames(metapackage['Depends']).includes(`linux-image-${release}`)) {
    throw new ForgeError('E_RESOLVE', `linux-image-${flavour ?? ''} and linux-headers-${flavour ?? ''} point to different kernels`, { hint: 'wait until the archive is consistent again, or give an exact release' })
  }
  const names = await treePackages(index, `linux-headers-${release}`)
  return {
    provider: 'debian', release,
    ...(flavour === undefined ? {} : { flavour }),
    buildDepends: names.others,
    packages: await index.exactly(names.tree),
    ...(backports ? { backports } : {}),
    imageVersion: image['Version'] ?? '',
    ...(metapackage?.['Version'] === undefined ? {} : { metapackageVersion: metapackage['Version'] }),
  }
}

async function newestRelease(index: SuiteIndex, metapackage: string, from: string): Promise<string> {
  const meta = await index.show(`${metapackage}${from}`)
  const name = dependencyNames(meta['Depends']).find((dependency) => partOfTree.test(dependency))
  if (name === undefined) throw new ForgeError('E_RESOLVE', `${metapackage} depends on no kernel headers`)
  return name.replace(/^linux-headers-/, '')
}

/** Follows a headers package to the packages that make up the build tree, and collects what those need besides. */
async function treePackages(index: SuiteIndex, first: string): Promise<{ tree: string[]; others: string[] }> {
  const tree: string[] = []
  const others = new Set<string>()
  const waiting = [first]
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (tree.includes(name)) continue
    tree.push(name)
    for (const dependency of dependencyNames((await index.show(name))['Depends'])) {
      if (partOfTree.test(dependency)) waiting.push(dependency)
      else if (!kernelItself.test(dependency)) others.add(dependency)
    }
  }
  return { tree, others: [...others].sort() }
}
