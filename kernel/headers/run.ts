import { join } from 'node:path'
import type { HeadersArtifact } from './artifact.ts'
import { readBuildTree } from './build-tree.ts'
import type { HeadersPlan } from './plan.ts'
import type { Provided } from './provider.ts'
import { provideDebian } from './providers/debian/provide.ts'
import { provideIso } from './providers/iso/provide.ts'
import { providePackages } from './providers/packages/provide.ts'
import { provideSource, type SourceDeps } from './providers/source/provide.ts'
import { provideTree } from './providers/tree/provide.ts'

export async function run(plan: HeadersPlan, deps: SourceDeps): Promise<HeadersArtifact> {
  const { tree, ...more } = await provide(plan, deps)
  const facts = await readBuildTree(join(deps.outDir, 'src', tree), plan.release)
  return {
    provider: plan.provider, architecture: 'amd64', ...facts,
    usrSrc: 'src', buildTree: `/usr/src/${tree}`,
    configFile: `src/${tree}/.config`, symversFile: `src/${tree}/Module.symvers`,
    ...(plan.cc === undefined ? {} : { cc: plan.cc }), ...more,
  }
}

async function provide(plan: HeadersPlan, deps: SourceDeps): Promise<Provided> {
  switch (plan.provider) {
    case 'debian': return provideDebian(plan, deps)
    case 'packages': return providePackages(plan, deps)
    case 'iso': return provideIso(plan, deps)
    case 'tree': return provideTree(plan, deps)
    case 'source': return provideSource(plan, deps)
    default: return plan satisfies never
  }
}
