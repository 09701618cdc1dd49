import { commands, commonOptions, exitStatuses, type NatCommand, type NatOption } from './commands.ts'
import { literal, paragraphs, plain, titleLine } from './roff.ts'
import { capital, sections, sentences, synopsis } from './text.ts'
import type { CliTree } from './tree.ts'

export interface Edition {
  /** YYYY-MM-DD */
  date: string
  version: string
}

/** nat64.config(5): every node of the tree. */
export function configManPage(tree: CliTree, example: string, edition: Edition): string {
  return [
    titleLine('nat64.config', 5, edition, 'File Formats'),
    '.SH NAME\nnat64.config \\- what a router translates between IPv6 and IPv4\n',
    '.SH DESCRIPTION\n',
    `${plain('The configuration of')}\n.BR nat64ctl (8),\n${plain('in VyOS\'s syntax: either set lines, or nodes with braces. Everything that VyOS\'s own nat64 takes means the same here.')}\n`,
    paragraphs([
      'In a file of set lines, a line that begins with # is a comment. Between braces, a comment stands between /* and */. Values with blanks stand between quotes.',
      'Below, <ipv6net> is a value of that kind, jool|tayga one of these words, and a node without either is a switch: it is on where it is written. The range of a number includes both ends. '
      + '"In mode ..." speaks of the engine Jool; TAYGA has no modes.',
    ]),
    ...sections(tree).flatMap(({ path, help, about, limits, leaves }) => [
      `.SH ${plain(path)}\n`,
      ...[help, ...(about === undefined ? [] : [about.replace(/\.$/, '')]), ...limits.map(capital)].map((sentence) => `${plain(sentence)}.\n`),
      ...leaves.map((row) => `.TP\n.B ${plain(synopsis(row))}\n${sentences(row).map((sentence) => `${plain(sentence)}\n`).join('')}`),
    ]),
    `.SH EXAMPLE\n${literal(example)}`,
    '.SH FILES\n.TP\n.I /etc/nat64/nat64.config\nWhere it is, unless a command says otherwise.\n.TP\n.I /usr/share/doc/nat64ctl/examples\nExamples.\n',
    '.SH SEE ALSO\n.BR nat64ctl (8),\n.BR jool (8),\n.BR jool_siit (8),\n.BR tayga (8)\n',
  ].join('')
}

/** nat64ctl(8): its commands. */
export function programManPage(edition: Edition): string {
  return [
    titleLine('nat64ctl', 8, edition, 'System Administration'),
    '.SH NAME\nnat64ctl \\- NAT64 and NAT46 on this router, from one configuration\n',
    '.SH SYNOPSIS\n', commands.map((command) => `.B nat64ctl ${plain(command.name)}\n${argumentsOf(command)}`).join('.br\n'),
    '.SH DESCRIPTION\n',
    `${plain('Checks a configuration, plans what must change, and makes it so as a whole or not at all, on the translators')}\n.BR jool (8)\nand\n.BR tayga (8).\n`,
    `${plain('FILE is the configuration, in either form of VyOS\'s syntax; - is standard input.')}\n${plain('What it can say is in')}\n.BR nat64.config (5).\n`,
    '.SH COMMANDS\n',
    ...commands.map(({ about = [], ...command }) => `.TP\n.B nat64ctl ${plain(command.name)}\n${plain(command.help)}.\n${about.map((text) => `.sp\n${plain(text)}\n`).join('')}`),
    '.SH OPTIONS\n',
    ...allOptions().map((option) => `.TP\n.B ${plain(optionWords(option))}\n${plain(option.help)}.\n`),
    '.SH EXIT STATUS\n', ...exitStatuses.map(({ status, meaning }) => `.TP\n.B ${String(status)}\n${plain(meaning)}.\n`),
    '.SH FILES\n.TP\n.I /etc/nat64/nat64.config\nThe configuration, where no FILE is given.\n.TP\n.I /var/lib/nat64\nWhat TAYGA keeps over restarts.\n',
    '.TP\n.I /run/nat64/vyos.config\nOn VyOS, with the package vyos\\-nat64: what was committed last. Where it is, it is the configuration instead.\n',
    '.TP\n.I /run/nat64/statistics\\-baseline.json\nWhat the counters were when they were reset.\n',
    '.SH JOURNAL\n', plain('What Jool logs of rules with log binding or log session has a journal of its own, of at most 256 MB:'),
    '\n.B journalctl \\-\\-namespace=nat64\n.br\n',
    plain('Its fields are NAT64_EVENT, NAT64_INSTANCE, NAT64_TIME and NAT64_PROTOCOL, and an ADDRESS and a PORT each of NAT64_INSIDE, NAT64_OUTSIDE, NAT64_INSIDE_DESTINATION and NAT64_DESTINATION.'),
    '\n',
    '.SH SEE ALSO\n.BR nat64.config (5),\n.BR jool (8),\n.BR tayga (8)\n',
  ].join('')
}

/** Each once, though several commands have it. */
function allOptions(): NatOption[] {
  return [...new Map([...commonOptions, ...commands.flatMap((command) => command.options ?? [])].map((option) => [option.flag, option])).values()]
}

function optionWords({ flag, value }: NatOption): string {
  return value === undefined ? flag : `${flag} ${value}`
}

function argumentsOf({ words, value, options = [] }: NatCommand): string {
  const choice = words?.choice.join('|')
  const parts = [choice === undefined ? undefined : words?.optional === true ? `[${choice}]` : choice, ...options.map((option) => `[${optionWords(option)}]`), '[--json]', value]
  return `${plain(parts.filter((part) => part !== undefined).join(' '))}
`
}
