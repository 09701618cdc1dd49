import { join } from 'node:path'
import { availableParallelism } from 'node:os'
import { prepare, type Prepared } from '../../pipeline/prepare.ts'
import { Session } from '../../pipeline/session.ts'
import { stages } from '../../pipeline/stages.ts'
import { findTarget, loadTarget } from '../../pipeline/target.ts'
import { projectDir, type BenchContext } from './figure.ts'

/** A target, by default the default one, prepared in the benchmark's store, for measures that time a single stage. */
export async function openPrepared(context: BenchContext, target = 'debian-12'): Promise<{ session: Session; prepared: Prepared }> {
  const session = await Session.open({
    storeDir: context.storeDir, outDir: join(context.workDir, 'out'), projectDir, mirrors: {}, offline: false, keepWorkdir: false,
    jobs: availableParallelism(), signal: new AbortController().signal, emit: () => undefined,
  })
  const prepared = await prepare(await loadTarget(await findTarget(target, projectDir), stages), { update: false }, stages, session)
  return { session, prepared }
}
