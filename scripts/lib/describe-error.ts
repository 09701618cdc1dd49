import { ForgeError } from './errors.ts'

/** Messages name what stands in images and archives; that may not steer the terminal. */
function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '?')
}

/** An error as a person reads it on a bad day: evidence first, then what is wrong with its code, then what to do. */
export function describeError(error: unknown): string {
  if (!(error instanceof ForgeError)) {
    const text = error instanceof Error ? error.stack ?? error.message : String(error)
    return `\n${text}\n\nnat64-forge: E_BUG: this should not happen\n  next: report it with the command and the lines above\n`
  }
  const lines = ['']
  if (error.details !== undefined) lines.push(...error.details.split('\n').map((line) => `  ${line}`), '')
  lines.push(`nat64-forge: ${error.code}: ${harmless(error.message)}`)
  if (error.hint !== undefined) lines.push(`  next: ${harmless(error.hint)}`)
  return `${lines.join('\n')}\n`
}
