import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** For `describe.skipIf(lacks('lintian'))`: a missing program skips tests on a laptop, and fails them in CI. */
export function lacks(...commands: readonly string[]): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  const missing = commands.filter((command) => !folders.some((folder) => existsSync(join(folder, command))))
  if (missing.length > 0 && process.env['CI']) throw new Error(`programs missing in CI: ${missing.join(', ')}`)
  return missing.length > 0
}
