import type { Exec } from '../../scripts/lib/exec.ts'

/**
 * lintian without errors or warnings. What is overridden, and why, stands in the packages' overrides.
 * @throws ForgeError E_PACKAGE with lintian's tags
 */
export async function lint(debFiles: readonly string[], exec: Exec): Promise<void> {
  await exec(['lintian', '--allow-root', '--no-cfg', '--profile', 'debian', '--fail-on', 'error,warning', '--tag-display-limit', '0', ...debFiles], {
    doing: 'check the packages with lintian',
    errorCode: 'E_PACKAGE',
    onLine: () => undefined,
  })
}
