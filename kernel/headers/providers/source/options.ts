import { ForgeError } from '../../../../scripts/lib/errors.ts'

/** An option as a fragment asks for it: `y`, `m`, `n`, a number, or a text in quotes. */
export interface RequestedOption {
  name: string
  value: string
  /** `router.config:12` */
  from: string
}

/** The options in a fragment, in order. @throws ForgeError E_KCONFIG for a line that is none */
export function requestedOptions(text: string, file: string): RequestedOption[] {
  return text.split('\n').flatMap((line, index) => {
    const from = `${file}:${String(index + 1)}`
    const [, off] = /^# CONFIG_(\w+) is not set\s*$/.exec(line) ?? []
    if (off !== undefined) return [{ name: off, value: 'n', from }]
    if (/^\s*(#|$)/.test(line)) return []
    const [, name, value] = /^CONFIG_(\w+)=(y|m|n|-?\d+|0x[0-9a-fA-F]+|"[^\n]*")\s*$/.exec(line) ?? []
    if (name === undefined || value === undefined) {
      throw new ForgeError('E_KCONFIG', `${from}: "${line.trim()}" is not a configuration option`, { hint: 'write CONFIG_NAME=y, =m, =n, a number, a text in double quotes, or "# CONFIG_NAME is not set"' })
    }
    return [{ name, value, from }]
  })
}

/** The last word on every option, in the order of the first. */
export function lastWords(options: readonly RequestedOption[]): RequestedOption[] {
  return [...new Map(options.map((option) => [option.name, option])).values()]
}

/** A text that kconfig reads as a fragment. */
export function fragmentText(options: readonly RequestedOption[]): string {
  return options.map(({ name, value }) => value === 'n' ? `# CONFIG_${name} is not set\n` : `CONFIG_${name}=${value}\n`).join('')
}

/**
 * Whether kconfig took what was asked for: it drops options without a word when what they depend on is off.
 * @throws ForgeError E_KCONFIG listing those that it did not take
 */
export function expectInForce(options: readonly RequestedOption[], configText: string): void {
  const inForce = new Map<string, string>()
  for (const line of configText.split('\n')) {
    const [, name, value] = /^CONFIG_(\w+)=(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) inForce.set(name, value)
  }
  const lost = lastWords(options).filter(({ name, value }) => (inForce.get(name) ?? 'n') !== value)
  if (lost.length === 0) return
  const shown = lost.map(({ name, value, from }) => `${from}: CONFIG_${name}=${value} was asked for, CONFIG_${name}=${inForce.get(name) ?? 'n'} is in force`)
  throw new ForgeError('E_KCONFIG', `${lost.length === 1 ? 'an option' : `${String(lost.length)} options`} of the kernel's configuration did not take: ${lost.slice(0, 6).map(({ name }) => name).join(', ')}${lost.length > 6 ? ', …' : ''}`, {
    hint: 'the option does not exist in this kernel, depends on one that is off, or is switched on by another; take it out of the fragment, or add what it depends on',
    details: shown.join('\n'),
  })
}
