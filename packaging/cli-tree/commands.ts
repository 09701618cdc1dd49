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
  { name: 'show', help: 'Show what runs', words: { choice: ['rules', 'translations', 'pools', 'statistics', 'status', 'timeouts'], optional: true } },
  { name: 'monitor', help: 'Show bindings and sessions as they come and go' },
  {
    name: 'reset', help: 'Forget dynamic translations, or begin to count anew', words: { choice: ['translations', 'statistics'], optional: false },
    about: ['Jool\'s counters cannot be set to zero: what they show now is kept, and subtracted from then on.'],
  },
  { name: 'explain', help: 'Say which rule and mapping an address meets, and what it becomes, both ways', value: 'ADDRESS' },
  { name: 'export', help: 'Print the configuration in another form', words: { choice: ['jool', 'tayga', 'set-commands'], optional: false }, value: '[FILE]' },
  { name: 'debug-archive', help: 'Gather what a person needs who is to help, in one archive' },
]

export interface ExitStatus { status: number; meaning: string }
export const exitStatuses: readonly ExitStatus[] = [
  { status: 0, meaning: 'Everything is as it was asked for' },
  { status: 1, meaning: 'The router could not be brought to what the configuration says; it is as it was, or what is not is said' },
  { status: 64, meaning: 'The command line is wrong' },
  { status: 65, meaning: 'The configuration is wrong' },
  { status: 69, meaning: 'Something that is needed is missing: a module, a program, a privilege' },
  { status: 70, meaning: 'A bug in nat64ctl' },
]
