import type { SourceLocked } from '../source/artifact.ts'
import type { ResolveDeps, ResolveInput } from '../../scripts/pipeline/stage.ts'
import { resolveDebian } from './providers/debian/resolve.ts'
import { resolveIso } from './providers/iso/resolve.ts'
import { resolvePackages } from './providers/packages/resolve.ts'
import { resolveSource } from './providers/source/resolve.ts'
import { resolveTree } from './providers/tree/resolve.ts'
import type { HeadersLocked, HeadersSpec } from './spec.ts'

export async function resolve({ spec, target, before }: ResolveInput<HeadersSpec, { source?: SourceLocked }>, deps: ResolveDeps): Promise<HeadersLocked> {
  switch (spec.provider) {
    case 'debian': return resolveDebian({ spec, target }, deps)
    case 'packages': return resolvePackages({ spec, target }, deps)
    case 'iso': return resolveIso({ spec, target }, deps)
    case 'tree': return resolveTree({ spec, target }, deps)
    case 'source': return resolveSource({ spec, target }, deps, before.source)
    default: return spec satisfies never
  }
}
