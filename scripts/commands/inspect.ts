import { inspect, openRouterImage, refusalOf, type InspectReport } from '../../images/inspect/artifact.ts'
import { supportOf, supportTable } from '../../kernel/modules/support.ts'
import type { JoolVersion } from '../domain/jool-version.ts'
import type { KernelRelease } from '../domain/kernel-release.ts'
import { ForgeError } from '../lib/errors.ts'
import { createExec } from '../lib/exec.ts'
import { createLog } from '../lib/log.ts'
import { renderInspection } from './inspect-text.ts'

/** Prints what is in an image. @throws ForgeError for images that cannot be read, and, after the report, when a given module would be refused */
export async function inspectImage(path: string, { json = false, modules = [], verbose = false }: { json?: boolean; modules?: readonly string[]; verbose?: boolean }, signal: AbortSignal): Promise<void> {
  const log = createLog((event) => { if (verbose && event.kind === 'command') process.stderr.write(`$ ${event.text}\n`) })
  const report = await reportOn(path, modules, createExec({ log, signal }))
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : renderInspection(report))
  const refusal = refusalOf(report.modules)
  if (refusal) throw refusal
}

async function reportOn(path: string, modules: readonly string[], exec: ReturnType<typeof createExec>): Promise<InspectReport> {
  await using image = await openRouterImage(path, { exec })
  return await inspect(image, { modules, unsupported })
}

function unsupported(release: KernelRelease): string | undefined {
  const supported = supportTable.some(({ jool }) => {
    try {
      supportOf(jool as JoolVersion, release)
      return true
    } catch (error) {
      if (error instanceof ForgeError) return false
      throw error
    }
  })
  return supported ? undefined : `no known version of Jool supports Linux ${release}`
}
