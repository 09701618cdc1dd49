import { basename } from 'node:path'
import { inspect, openRouterImage, type InspectReport, type ModuleVerdict } from '../../images/inspect/artifact.ts'
import { supportOf, supportTable } from '../../kernel/modules/support.ts'
import type { JoolVersion } from '../domain/jool-version.ts'
import type { KernelRelease } from '../domain/kernel-release.ts'
import type { ErrorCode } from '../lib/error-codes.ts'
import { ForgeError } from '../lib/errors.ts'
import { createExec } from '../lib/exec.ts'
import { createLog } from '../lib/log.ts'
import { renderInspection } from './inspect-text.ts'

/** Prints what is in an image. @throws ForgeError for images that cannot be read, and, after the report, when a given module would be refused */
export async function inspectImage(path: string, { json = false, modules = [], verbose = false }: { json?: boolean; modules?: readonly string[]; verbose?: boolean }, signal: AbortSignal): Promise<void> {
  const log = createLog((event) => { if (verbose && event.kind === 'command') process.stderr.write(`$ ${event.text}\n`) })
  const report = await reportOn(path, modules, createExec({ log, signal }))
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : renderInspection(report))
  const refused = report.modules.filter(({ loads }) => !loads)
  if (refused.length > 0) throw refusal(refused, report)
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

const codes: Readonly<Record<ModuleVerdict['problems'][number]['check'], ErrorCode>> = {
  file: 'E_ELF', architecture: 'E_MODULE', vermagic: 'E_VERMAGIC', licence: 'E_MODULE', symbols: 'E_SYMBOL_MISSING', crc: 'E_SYMBOL_CRC', signature: 'E_MODULE_SIGNATURE',
}

function refusal(refused: readonly ModuleVerdict[], report: InspectReport): ForgeError {
  const [first] = refused
  const problem = first?.problems[0]
  return new ForgeError(problem ? codes[problem.check] : 'E_MODULE', `${String(refused.length)} of ${String(report.modules.length)} modules would be refused: ${refused.slice(0, 3).map(({ file }) => basename(file)).join(', ')}${refused.length > 3 ? ' …' : ''}`, {
    hint: problem?.remedy ?? 'build the modules again',
  })
}
