import { gccMajor } from '../compile/gcc-major.ts'
import type { SuiteIndex } from '../../scripts/lib/debian-archive.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Log } from '../../scripts/lib/log.ts'

export interface Compiler {
  /** The compiler's command in the build root. */
  cc: string
  /** Packages of the build root: the compiler, and what the tree's own programs are linked with. */
  buildDepends: string[]
}

// objtool; the packages of `make bindeb-pkg` do not say it.
const hostProgramLibraries = ['libelf1']

/**
 * The suite's compiler for a kernel that was built with `versionText` (`CONFIG_CC_VERSION_TEXT`): of the same major version
 * where the suite has it, otherwise the suite's own, with a warning.
 * @throws ForgeError E_KERNEL for a kernel that was not built with gcc
 */
export async function compilerFor(versionText: string, index: SuiteIndex, log: Log): Promise<Compiler> {
  if (/clang/i.test(versionText)) {
    throw new ForgeError('E_KERNEL', `this kernel was built with "${versionText}"; only kernels built with gcc are supported`, { hint: 'build the kernel with gcc' })
  }
  const major = gccMajor(versionText)
  if (major !== undefined) {
    const name = `gcc-${major}`
    if (await has(index, name)) return { buildDepends: [name, ...hostProgramLibraries], cc: name }
  }
  log.warn(`the kernel was built with ${major === undefined ? 'an unknown compiler' : `gcc ${major}`}, which the build root's suite does not have: its own gcc is used`)
  return { buildDepends: ['gcc', ...hostProgramLibraries], cc: 'gcc' }
}

async function has(index: SuiteIndex, name: string): Promise<boolean> {
  try {
    await index.show(name)
    return true
  } catch (error) {
    if (error instanceof ForgeError && error.code === 'E_RESOLVE') return false
    throw error
  }
}
