/** An element: its name, its attributes, and either text or elements; without either it is empty. */
export interface Element { name: string; attributes?: Readonly<Record<string, string>>; text?: string; children?: readonly Element[] }

/** A document with two spaces a level. */
export function document(root: Element): string {
  return `<?xml version="1.0"?>\n${lines(root, '')}`
}

function lines({ name, attributes = {}, text, children = [] }: Element, indent: string): string {
  const start = `${indent}<${name}${Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value).replace(/"/g, '&quot;')}"`).join('')}`
  if (text !== undefined) return `${start}>${escaped(text)}</${name}>\n`
  if (children.length === 0) return `${start}/>\n`
  return `${start}>\n${children.map((child) => lines(child, `${indent}  `)).join('')}${indent}</${name}>\n`
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
