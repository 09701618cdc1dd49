import { dependencyNames, type SuiteIndex } from '../../scripts/lib/debian-archive.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { ResolveDeps, ResolveInput } from '../../scripts/pipeline/stage.ts'
import type { HeadersLocked, HeadersSpec } from './spec.ts'

const partOfTree = /^linux-(headers|kbuild)-/

export async function resolve({ spec, target }: ResolveInput<HeadersSpec, unknown>, deps: ResolveDeps): Promise<HeadersLocked> {
  const index = await deps.archive.open(target.suite, target.architecture)
  const flavour = spec.release === undefined ? spec.flavour ?? target.architecture : undefined
  const release = spec.release ?? await newestRelease(index, flavour ?? target.architecture)
  const image = await index.show(`linux-image-${release}`)
  const metapackage = flavour === undefined ? undefined : await index.show(`linux-image-${flavour}`)
  if (metapackage && !dependencyNames(metapackage['Depends']).includes(`linux-image-${release}`)) {
    throw new ForgeError('E_RESOLVE', `linux-image-${flavour ?? ''} and linux-headers-${flavour ?? ''} point to different kernels`, { hint: 'wait until the archive is consistent again, or give an exact release' })
  }
  const names = await treePackages(index, `linux-headers-${release}`)
  return {
    provider: 'debian', release,
    ...(flavour === undefined ? {} : { flavour }),
    packages: await index.exactly(names.tree),
    imageVersion: image['Version'] ?? '',
    ...(metapackage?.['Version'] === undefined ? {} : { metapackageVersion: metapackage['Version'] }),
    buildDepends: names.others,
  }
}

async function newestRelease(index: SuiteIndex, flavour: string): Promise<string> {
  const meta = await index.show(`linux-headers-${flavour}`)
  const name = dependencyNames(meta['Depends']).find((dependency) => partOfTree.test(dependency))
  if (name === undefined) throw new ForgeError('E_RESOLVE', `linux-headers-${flavour} depends on no kernel headers`)
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
      else others.add(dependency)
    }
  }
  return { tree, others: [...others].sort() }
}
