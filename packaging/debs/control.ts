/** A deb822 paragraph, in order; a list becomes a comma-separated relation field, empty values are left out. */
export type Fields = readonly (readonly [name: string, value: string | readonly string[] | undefined])[]

/** Filled in when the package's content is known. */
export const substitution = { installedSize: '${Installed-Size}', toolsDepends: '${tools:Depends}', vyosFiles: '${vyos:Files}' } as const

/** Text of one paragraph with a final newline. Continuation lines of a value must bring their leading space. */
export function paragraph(fields: Fields): string {
  return fields.flatMap(([name, value]) => {
    const text = typeof value === 'string' ? value : value?.join(', ')
    return text === undefined || text === '' ? [] : [`${name}: ${text}\n`]
  }).join('')
}

/** A Description value: synopsis and paragraphs, wrapped as Debian does. */
export function description(synopsis: string, paragraphs: readonly string[]): string {
  return [synopsis, paragraphs.map((text) => wrap(text, 78).map((line) => ` ${line}`).join('\n')).join('\n .\n')].join('\n')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
