/** A text as a line of roff (man(7)): nothing in it is taken for a command. */
export function plain(text: string): string {
  return text.replace(/\\/g, '\\e').replace(/-/g, '\\-').replace(/^[.']/gm, '\\&$&')
}

/** Lines that keep their breaks and blanks. */
export function literal(text: string): string {
  return `.RS 4\n.nf\n${plain(text.trimEnd())}\n.fi\n.RE\n`
}

/** A man page's first line. `date` is YYYY-MM-DD, `version` that of the package. */
export function titleLine(name: string, section: number, { date, version }: { date: string; version: string }, manual: string): string {
  return `.TH ${name.toUpperCase()} ${String(section)} ${date} "nat64ctl ${version}" "${manual}"\n`
}

export function paragraphs(texts: readonly string[]): string {
  return texts.map((text) => `.PP\n${plain(text)}\n`).join('')
}
