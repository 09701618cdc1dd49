import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describeError } from './describe-error.ts'
import type { ForgeError } from './errors.ts'
import type { Argv } from './exec.ts'

export interface DebugShell {
  argv: Argv
  /** Where one is in it, for the banner. */
  place: string
}

/** Opens a shell on this terminal that shows what a failed command saw; returns when it ends. */
export async function openDebugShell(failed: readonly string[], cwd: string | undefined, error: ForgeError): Promise<void> {
  const { argv: [program, ...words], place } = debugShell(failed, cwd)
  process.stderr.write(`${describeError(error)}\nThis is a shell ${place}; \`exit\` ends the run.\n`)
  const shell = spawn(program, words, { stdio: 'inherit', ...(cwd === undefined ? {} : { cwd }) })
  await once(shell, 'exit')
}

/** In the command's build root, in its chroot, or on the host in its folder. `hasShell` tells whether a root can be entered. */
export function debugShell(failed: readonly string[], cwd: string | undefined, hasShell = hasBash): DebugShell {
  const sandboxed = failed[0] === 'bwrap' ? failed.indexOf('--') : -1
  if (sandboxed > 0) return { argv: [...withoutInput(failed.slice(0, sandboxed + 1)), 'bash', '-i'] as unknown as Argv, place: 'in the command\'s sandbox, which sees what it saw' }
  const root = rootOf(failed)
  if (root !== undefined && hasShell(root)) return { argv: ['chroot', root, 'bash', '-i'], place: `in the root ${root}` }
  const missing = root === undefined ? '' : ` (the root ${root} has no shell yet, or no longer)`
  return { argv: ['bash', '-i'], place: `on this host, in ${cwd ?? process.cwd()}${missing}` }
}

/** What the command read from its standard input (a key) is not what is typed here. */
function withoutInput(argv: readonly string[]): string[] {
  return argv.filter((_word, index) => !(argv[index] === '--ro-bind-data' || argv[index - 1] === '--ro-bind-data' || argv[index - 2] === '--ro-bind-data'))
}

function rootOf(failed: readonly string[]): string | undefined {
  if (failed[0] === 'chroot') return failed[1]
  if (failed[0] !== 'mmdebstrap') return undefined
  // mmdebstrap [option …] suite target deb-line …
  const target = failed[failed.findIndex((word) => word.startsWith('deb ')) - 1]
  return target?.startsWith('-') === true ? undefined : target
}

function hasBash(root: string): boolean {
  return existsSync(join(root, 'bin/bash'))
}
