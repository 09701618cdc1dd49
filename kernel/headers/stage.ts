import type { Stage } from '../../scripts/pipeline/stage.ts'
import type { HeadersArtifact } from './artifact.ts'
import { plan, type HeadersPlan } from './plan.ts'
import { resolve } from './resolve.ts'
import { run } from './run.ts'
import { headersLocked, headersSpec, type HeadersLocked, type HeadersSpec } from './spec.ts'

export const headers: Stage<HeadersSpec, HeadersLocked, HeadersPlan, HeadersArtifact> = {
  name: 'headers',
  title: 'get the kernel\'s build tree',
  reads: [],
  spec: headersSpec,
  locked: headersLocked,
  assets: [],
  tools: [{ command: 'dpkg-deb', package: 'dpkg', why: 'unpacks Debian packages' }],
  resolve, plan, run,
}
