import type { OpWord } from './op-tree.ts'

/** The operational reference, Markdown: every command, by its first words. */
export function opReference(words: readonly OpWord[]): string {
  return [
    '# Operational commands\n',
    'What `vyos-nat64` adds to VyOS\'s operational mode. `<address>` is a value; completion says what may stand there. Every `show` prints a table; the function behind it, with\n'
    + '`--raw`, JSON, which is what VyOS\'s API gets.\n',
    ...words.map((word) => [`## ${word.name}\n`, '| command | what it does |', '| --- | --- |', ...rows(word, word.name), ''].join('\n')),
  ].join('\n')
}

function rows(word: OpWord, path: string): string[] {
  const full = word.tag ? `${path} <${word.name}>` : path
  const said = [word.help, ...(word.about === undefined ? [] : [word.about.trim().replace(/\.$/, '')])].map((sentence) => `${sentence}.`).join(' ')
  return [
    ...(word.command === undefined ? [] : [`| \`${full}\` | ${said.replaceAll('|', '\\|')} |`]),
    ...word.words.flatMap((child) => rows(child, `${full} ${child.name}`)),
  ]
}
