import { completionHelp } from './interface-definition.ts'
import type { OpWord } from './op-tree.ts'
import { document, type Element } from './xml.ts'

/** `op-mode-definitions/nat64.xml`, as VyOS's own source would have it. */
export function opModeDefinition(words: readonly OpWord[]): string {
  return document({ name: 'interfaceDefinition', children: words.map(element) })
}

function element({ name, shared, help, command, tag, completion, words }: OpWord): Element {
  return {
    name: tag ? 'tagNode' : 'node',
    attributes: { name },
    children: [
      // A word of VyOS's own has its properties elsewhere.
      ...(shared ? [] : [{ name: 'properties', children: [{ name: 'help', text: help }, ...completionHelp(completion)] }]),
      ...(words.length === 0 ? [] : [{ name: 'children', children: words.map(element) }]),
      ...(command === undefined ? [] : [{ name: 'command', text: command }]),
    ],
  }
}
