import type { Argv } from './exec.ts'

/** The shell that shows what a failed command saw: in its build root, in its chroot, or in its folder. */
export function debugShellArgv(failed: readonly string[]): Argv {
  const [program] = failed
  if (program === 'bwrap') {
    const end = failed.indexOf('--')
    return [...failed.slice(0, end + 1), 'bash', '-i'] as unknown as Argv
  }
  if (program === 'chroot' && failed[1] !== undefined) return ['chroot', failed[1], 'bash', '-i']
  return ['bash', '-i']
}
