import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Whether the programs are here, for `describe.skipIf(!needsTools('zsh'))`: a missing one skips a test on a laptop.
 * In CI nothing may be skipped for that reason, so it throws there and fails the test file.
 */
export function needsTools(...commands: readonly string[]): boolean {
  const missing = commands.filter((command) => !isPresent(command))
  if (missing.length > 0 && isCi()) throw new Error(`these tests need ${missing.join(', ')}; in CI a missing program is a failure (nat64-forge doctor --tests)`)
  return missing.length === 0
}

function isCi(): boolean {
  return !['', '0', 'false'].includes(process.env['CI'] ?? '')
}

// Root's own folders: a user's PATH often lacks them, and the tools lie there.
function isPresent(command: string): boolean {
  const folders = command.startsWith('/') ? [''] : [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), command.startsWith('/') ? constants.F_OK : constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
