import { capital, sections, sentences, synopsis } from './text.ts'
import type { CliTree } from './tree.ts'

/** The configuration reference, Markdown. `example` is a configuration to begin with. */
export function reference(tree: CliTree, example: string): string {
  return [
    '# Configuration of nat64ctl\n',
    'The configuration is in VyOS\'s syntax, as `set` lines or with braces; `/etc/nat64/nat64.config` is where nat64ctl looks for it. Everything that VyOS\'s own `nat64`\n'
    + 'takes means the same here. `nat64ctl check` says what is wrong with a file, `nat64ctl diff` what would change, `nat64ctl apply` does it.\n',
    `## An example\n\n\`\`\`\n${example.trimEnd()}\n\`\`\`\n`,
    '## How to read the tables\n',
    '`<ipv6net>` is a value of that kind, `jool|tayga` one of these words, and a line without either is a switch: it is on where it is written. The range of a\n'
    + 'number includes both ends. "In mode …" speaks of the engine Jool; TAYGA has no modes.\n',
    ...sections(tree).flatMap(({ path, help, about, limits, leaves }) => [
      `## ${path.replace(/</g, '\\<')}\n`,
      `${[help, ...(about === undefined ? [] : [about.replace(/\.$/, '')]), ...limits.map(capital)].map((sentence) => `${sentence}.`).join(' ')}\n`,
      ['| node | what it says |', '| --- | --- |', ...leaves.map((row) => `| \`${cell(synopsis(row))}\` | ${cell(sentences(row).join(' '))} |`), ''].join('\n'),
    ]),
  ].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
