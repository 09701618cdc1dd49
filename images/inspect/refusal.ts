import { basename } from 'node:path'
import type { ErrorCode } from '../../scripts/lib/error-codes.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { ModuleProblem, ModuleVerdict } from './report.ts'

const codes: Readonly<Record<ModuleProblem['check'], ErrorCode>> = {
  file: 'E_ELF', architecture: 'E_MODULE', vermagic: 'E_VERMAGIC', licence: 'E_MODULE', symbols: 'E_SYMBOL_MISSING', crc: 'E_SYMBOL_CRC', signature: 'E_MODULE_SIGNATURE',
}

/** The error for modules that a kernel would refuse; undefined when it takes all of them. */
export function refusalOf(modules: readonly ModuleVerdict[]): ForgeError | undefined {
  const refused = modules.filter(({ loads }) => !loads)
  if (refused.length === 0) return undefined
  const [first] = refused
  const problem = first?.problems[0]
  return new ForgeError(problem ? codes[problem.check] : 'E_MODULE', `${String(refused.length)} of ${String(modules.length)} modules would be refused: ${refused.slice(0, 3).map(({ file }) => basename(file)).join(', ')}${refused.length > 3 ? ' …' : ''}`, {
    hint: problem?.remedy ?? 'build the modules again',
    ...(first && problem ? { details: `${first.file}: ${problem.message}` } : {}),
  })
}
