/** What nat64ctl is called with; the manual page and the completion are made of it. nat64ctl itself has the same in argparse. */
export interface NatCommand {
  name: string
  help: string
  /** More for the manual, one paragraph each. */
  about?: readonly string[]
  /** After the command: one of these words, a value of that kind (in brackets: it may be left out), or a word and then a value. */
  words?: { choice: readonly string[]; optional: boolean }
  value?: 'ADDRESS' | '[FILE]'
  options?: readonly NatOption[]
}

export interface NatOption {
  flag: string
  /** What the next word is; a switch has none. */
  value?: 'A' | 'P' | 'N' | 'R' | 'FILE' | 'SECONDS' | 'ARCHIVE'
  help: string
}

/** Every command has these. */
export const commonOptions: readonly NatOption[] = [
  { flag: '--help', help: 'Say how the command is called, and end' },
  { flag: '--json', help: 'Print JSON on standard output instead of text for people' },
]

const onThisRouter: NatOption = {
  flag: '--on-this-router',
  help: 'Check also what only this router knows: its ephemeral ports, interfaces, engines and modules',
}
const protocol: NatOption = { flag: '--protocol', value: 'P', help: 'Only tcp, udp or icmp' }
const filters: readonly NatOption[] = [
  { flag: '--address', value: 'A', help: 'Only what this IPv4 or IPv6 address is part of' },
  protocol,
  { flag: '--port', value: 'N', help: 'Only what this port, or ICMP identifier, is part of' },
  { flag: '--rule', value: 'R', help: 'Only this rule: 100, nat64-100, nat46-100 or nat46-clat' },
]
const fileOption: NatOption = { flag: '--file', value: 'FILE', help: 'The configuration; /etc/nat64/nat64.config where not given' }
const bindings: NatOption = { flag: '--bindings', help: 'translations: Show Jool\'s bindings (the BIB) instead of its sessions' }

export const commands: readonly NatCommand[] = [
  {
    name: 'check', help: 'Say what is wrong with a configuration', value: '[FILE]', options: [onThisRouter],
    about: ['Touches nothing and loads nothing. All errors are said at once, each with line, column and path, the reason, and what would be valid.'],
  },
  { name: 'diff', help: 'Say what apply would change, as a list of operations', value: '[FILE]' },
  {
    name: 'apply', help: 'Make the router translate as the configuration says', value: '[FILE]', options: [{ flag: '--dry-run', help: 'Print what would be done instead, as diff does' }],
    about: [
      'Compares what the configuration wants with what runs, and does the difference in order. When a step fails, everything that was done is undone, in reverse, and the translator\'s own words are shown. '
      + 'Sessions that need not end go on. A second apply of the same configuration does nothing.',
      'Instances of Jool and network namespaces that nat64ctl did not make are never touched.',
    ],
  },
  {
    name: 'show', help: 'Show what runs', words: { choice: ['rules', 'translations', 'pools', 'statistics', 'status', 'timeouts'], optional: true },
    options: [...filters, fileOption, bindings, { flag: '--all', help: 'statistics: Show counters that are zero as well' }],
    about: [
      'Without a word: rules. Reads only. Rules that share an instance of Jool are told apart by their pools; instances, interfaces and namespaces that nat64ctl did not make are shown as foreign.',
      'Large tables are written while they are read. With --json each word but status prints an array, an element a line; status prints an object.',
    ],
  },
  {
    name: 'monitor', help: 'Show translations as they come and go, until interrupted', words: { choice: ['log', 'translations'], optional: true },
    options: [...filters, fileOption, bindings, { flag: '--interval', value: 'SECONDS', help: 'Look at the translations that often; 2 where not given' }],
    about: [
      'Without a word: both. translations compares the tables as they are every few seconds; what lives shorter may be missed. log shows what Jool logs of rules with log binding or log session, at once.',
      'With --json it prints an object a line.',
    ],
  },
  {
    name: 'reset', help: 'Forget dynamic translations, or begin to count anew', words: { choice: ['translations', 'statistics'], optional: false },
    options: [...filters, fileOption, { flag: '--static', help: 'translations: End the sessions of static mappings as well; the mappings stay' }],
    about: [
      'translations ends dynamic bindings with their sessions, and says how many. Static mappings and the configuration stay; so does what is foreign. TAYGA is restarted for it. '
      + 'Jool logs nothing of bindings that end this way.',
      'Jool\'s counters cannot be set to zero: what they show now is kept until the next boot, and subtracted from then on.',
    ],
  },
  {
    name: 'explain', help: 'Say which rule and mapping an address meets, and what it becomes, both ways', value: 'ADDRESS',
    options: [protocol, fileOption, { flag: '--live', help: 'With --file: Also what translates the address here and now' }],
    about: [
      'An ADDRESS is 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80. With --file the answer depends on that file alone; without it, on the router\'s configuration and on what translates now.',
    ],
  },
  { name: 'export', help: 'Print the configuration in another form', words: { choice: ['jool', 'tayga', 'set-commands'], optional: false }, value: '[FILE]' },
  {
    name: 'debug-archive', help: 'Gather what a person needs who is to help, in one archive',
    options: [fileOption, { flag: '--output', value: 'ARCHIVE', help: 'Write it there; nat64-debug-TIME.tar.gz where not given. Must not be there yet' }],
    about: [
      'A .tar.gz of the configuration, what runs, versions, the network, the firewall and the journal. What could not be had is said in its file CONTENTS. '
      + 'It has no passwords or keys, since nat64ctl has none; it has addresses, also of those who are translated.',
    ],
  },
]

export interface ExitStatus { status: number; meaning: string }
export const exitStatuses: readonly ExitStatus[] = [
  { status: 0, meaning: 'Everything is as it was asked for' },
  { status: 1, meaning: 'The router could not be brought to what the configuration says; it is as it was, or what is not is said' },
  { status: 64, meaning: 'The command line is wrong' },
  { status: 65, meaning: 'The configuration is wrong' },
  { status: 69, meaning: 'Something that is needed is missing: a module, a program, a privilege' },
  { status: 70, meaning: 'A bug in nat64ctl' },
  { status: 130, meaning: 'Interrupted while it only looked; monitor ends with 0 then' },
]
