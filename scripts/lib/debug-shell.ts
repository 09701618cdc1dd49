import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Argv } from './exec.ts'

/** Opens a shell on this terminal that shows what a failed command saw; returns when it ends. */
export async function openDebugShell(failed: readonly string[], cwd: string | undefined): Promise<void> {
  const [program, ...words] = debugShellArgv(failed)
  process.stderr.write(`\nA command failed; this shell sees what it saw. \`exit\` ends the run.\n$ ${failed.join(' ')}\n`)
  const shell = spawn(program, words, { stdio: 'inherit', ...(cwd === undefined ? {} : { cwd }) })
  await once(shell, 'exit')
}

/** In the command's build root, in its chroot, or in its folder. */
export function debugShellArgv(failed: readonly string[]): Argv {
  const [program] = failed
  if (program === 'bwrap') {
    const end = failed.indexOf('--')
    return [...failed.slice(0, end + 1), 'bash', '-i'] as unknown as Argv
  }
  if (program === 'chroot' && failed[1] !== undefined) return ['chroot', failed[1], 'bash', '-i']
  return ['bash', '-i']
}
