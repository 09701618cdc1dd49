import { inspectTools } from '../../images/inspect/artifact.ts'
import { buildRootTools } from '../../scripts/lib/build-root.ts'
import type { Stage } from '../../scripts/pipeline/stage.ts'
import type { SourceLocked } from '../source/artifact.ts'
import type { HeadersArtifact } from './artifact.ts'
import { keyOf, plan, type HeadersPlan } from './plan.ts'
import type { SourceDeps } from './providers/source/provide.ts'
import { resolve } from './resolve.ts'
import { run } from './run.ts'
import { isStale } from './stale.ts'
import { headersLocked, headersSpec, type HeadersLocked, type HeadersSpec } from './spec.ts'

export const headers: Stage<HeadersSpec, HeadersLocked, HeadersPlan, HeadersArtifact, { source?: SourceLocked }, unknown, SourceDeps['before']> = {
  name: 'headers',
  title: 'get the kernel\'s build tree',
  reads: [],
  // A key that dies with the kernel's build signs Jool's modules in it.
  alsoReads: (planned) => planned.provider === 'source' && planned.withJool ? ['source'] : [],
  spec: headersSpec,
  locked: headersLocked,
  assets: [],
  tools: [
    { command: 'dpkg-deb', package: 'dpkg', why: 'unpacks Debian packages' },
    ...buildRootTools,
    { command: 'openssl', package: 'openssl', why: 'signs with keys on tokens' },
    ...inspectTools.filter((tool) => tool.command !== 'dpkg-deb'),
  ],
  resolve, plan, keyOf, run, isStale,
}
