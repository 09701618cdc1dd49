import type { Completion } from './definition.ts'
import type { OpWord } from './op-tree.ts'
import { filled } from './templates.ts'

/**
 * The operational templates: the text of each `node.def`, by its path below `/opt/vyatta/share/vyatta-op/templates`, byte for byte as the builder of VyOS 1.4
 * and 1.5 makes them. Of words that VyOS has itself there is none: an empty one would hide VyOS's.
 */
export function operationalTemplates(words: readonly OpWord[]): Map<string, string> {
  return new Map(words.flatMap((word) => templates(word, word.name)))
}

function templates(word: OpWord, path: string): [string, string][] {
  const inside = word.tag ? `${path}/node.tag` : path
  return [
    ...(word.tag ? [[`${path}/node.def`, `help: ${word.help}\n`] satisfies [string, string]] : []),
    ...(word.shared ? [] : [[`${inside}/node.def`, template(word)] satisfies [string, string]]),
    ...word.words.flatMap((child) => templates(child, `${inside}/${child.name}`)),
  ]
}

function template({ help, completion, command }: OpWord): string {
  return [
    `help: ${filled(help)}`,
    ...(completion.length === 0 ? [] : [`allowed: ${completion.map(completionCommand).join(' && ')}`]),
    ...(command === undefined ? [] : [`run: ${command}`]),
  ].map((line) => `${line}\n`).join('')
}

function completionCommand({ kind, text }: Completion): string {
  switch (kind) {
    case 'list': return `echo "${text}"`
    case 'path': return `/bin/cli-shell-api listActiveNodes ${text} | sed -e "s/'//g" && echo`
    case 'script': return text
    default: return kind satisfies never
  }
}
