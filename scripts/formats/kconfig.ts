/** A kernel's `.config`: names without the CONFIG_ prefix. */
export interface KernelConfig {
  /** Built in or a module. */
  isSet: (name: string) => boolean
  /** The text of a string or number option, unquoted. */
  value: (name: string) => string | undefined
  /** Every option that is set. */
  names: readonly string[]
}

/** Reads a `.config` as `make olddefconfig` writes it. */
export function parseKernelConfig(text: string): KernelConfig {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^CONFIG_(\w+)=(.*)$/.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) values.set(match[1], match[2].replace(/^"(.*)"$/, '$1'))
  }
  return {
    isSet: (name) => values.get(name) === 'y' || values.get(name) === 'm',
    value: (name) => values.get(name),
    names: [...values.keys()],
  }
}
