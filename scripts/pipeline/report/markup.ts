/** Text that is markup already; everything else is escaped when it goes into markup. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Markup | readonly (Markup | undefined)[] | undefined

/** HTML or XML with its values escaped: `` markup`<td>${detail}</td>` ``. Lists of markup are joined; `undefined` is nothing. */
export function markup(template: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(template.reduce((text, literal, index) => text + render(parts[index - 1]) + literal))
}

/** For element content and quoted attributes alike; without the control characters that XML 1.0 does not know (§2.2). */
export function escapeMarkup(text: string): string {
  return text
    // eslint-disable-next-line no-control-regex -- these are what is looked for: consoles print them
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' }

function render(part: Part): string {
  if (part === undefined) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map((item) => item?.text ?? '').join('')
  return escapeMarkup(String(part))
}
