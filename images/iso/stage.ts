import type { HeadersLocked, HeadersPlan } from '../../kernel/headers/artifact.ts'
import type { SourceLocked } from '../../kernel/source/artifact.ts'
import type { DebsPlan } from '../../packaging/debs/artifact.ts'
import { buildRootTools } from '../../scripts/lib/build-root.ts'
import type { Stage } from '../../scripts/pipeline/stage.ts'
import { injectTools } from '../inject/artifact.ts'
import { inspectTools } from '../inspect/artifact.ts'
import type { IsoArtifact } from './artifact.ts'
import { assembleTools } from './assemble.ts'
import type { IsoDeps } from './deps.ts'
import { fileChanged } from '../../scripts/lib/given-file.ts'
import { keyOf, plan, type IsoPlan } from './plan.ts'
import { resolve } from './resolve.ts'
import { run } from './run.ts'
import { certificateChanged } from './secure-boot/key.ts'
import { secureBootTools } from './secure-boot/sign.ts'
import { isoLocked, isoSpec, type IsoLocked, type IsoSpec } from './spec.ts'

export const iso: Stage<
  IsoSpec, IsoLocked, IsoPlan, IsoArtifact,
  { source: SourceLocked; headers: HeadersLocked },
  { headers: HeadersPlan; debs: DebsPlan },
  IsoDeps['before']
> = {
  name: 'iso',
  title: 'build the router image',
  reads: ['debs'],
  alsoReads: (planned) => planned.kernel === 'replace' ? ['headers'] : [],
  spec: isoSpec,
  locked: isoLocked,
  assets: ['images/iso/reference/root', 'images/inject/in-overlay.sh', 'images/inject/planned-dpkg.sh'],
  tools: [
    ...buildRootTools.filter((tool) => tool.command !== 'bwrap'),
    ...assembleTools,
    ...secureBootTools,
    ...injectTools,
    ...inspectTools,
    { command: 'openssl', package: 'openssl', why: 'hashes the console password' },
  ],
  resolve, plan, keyOf, run,
  isStale: async (found) => 'kind' in found
    ? await fileChanged(found.from) || (found.script !== undefined && await fileChanged(found.script))
    : found.secureBoot !== undefined && await certificateChanged(found.secureBoot),
}
