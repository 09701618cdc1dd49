import type { Command, Option } from 'commander'

/** What may stand in one place of a command line. */
export interface Values {
  words: readonly string[]
  files: 'none' | 'file' | 'folder'
}

export interface CompletionOption extends Values {
  /** `-t`, `--target`. */
  flags: readonly string[]
  takesValue: boolean
  description: string
}

export interface CompletionCommand {
  /** As typed after the program's name: `store gc`; empty for the program itself. */
  path: string
  options: readonly CompletionOption[]
  commands: readonly { name: string; description: string }[]
  argument: Values | undefined
}

/** Every command of the program, the program itself first. */
export function commandTree(program: Command, suggest: (option: Option) => readonly string[]): CompletionCommand[] {
  const visit = (command: Command, path: string): CompletionCommand[] => {
    const help = command.createHelp()
    const children = help.visibleCommands(command)
    const [argument] = command.registeredArguments
    return [
      {
        path,
        options: help.visibleOptions(command).map((option) => describe(option, suggest(option))),
        commands: children.map((child) => ({ name: child.name(), description: child.description() })),
        argument: argument && { words: argument.argChoices ?? [], files: filesOf(argument.name()) },
      },
      ...children.filter((child) => child.name() !== 'help').flatMap((child) => visit(child, `${path} ${child.name()}`.trim())),
    ]
  }
  return visit(program, '')
}

function describe(option: Option, suggested: readonly string[]): CompletionOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    takesValue: option.required || option.optional,
    description: option.description,
    words: [...option.argChoices ?? [], ...suggested],
    files: filesOf(/[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? ''),
  }
}

/** The help's placeholder says what is meant: `<file>`, `<name|file>`, `<dir>`. */
function filesOf(placeholder: string): Values['files'] {
  if (/\bdir\b/i.test(placeholder)) return 'folder'
  return /\bfile\b/i.test(placeholder) ? 'file' : 'none'
}
