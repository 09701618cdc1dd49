import type { CompletionCommand, Values } from './completion-tree.ts'

/** As for bash, with the descriptions that zsh can show. Works sourced, and as `_name` in `$fpath`. */
export function zshScript(program: string, tree: readonly CompletionCommand[]): string {
  const name = `_${program.replace(/[^A-Za-z0-9]/g, '_')}`
  const valueFlags = [...new Set(tree.flatMap((command) => command.options.filter((option) => option.takesValue).flatMap((option) => option.flags)))]
  return `#compdef ${program}
# zsh completion for ${program}. Load it with: source <(${program} completion zsh)
${name}() {
  local here='' skip='' word previous="\${words[CURRENT-1]}"
  # --option=value is one word here.
  if [[ "\${words[CURRENT]}" == --*=* ]]; then previous="\${words[CURRENT]%%=*}"; compset -P '*='; fi
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in (${valueFlags.join('|') || '\'\''}) skip=1; continue ;; esac
    case "$here $word" in
${tree.filter(({ path }) => path !== '').map(({ path }) => `      (${quoted(` ${path}`)}) here=${quoted(` ${path}`)} ;;\n`).join('')}    esac
  done
  case "$here $previous" in
${tree.flatMap(({ path, options }) => options.filter((option) => option.takesValue).map((option) => `    (${option.flags.map((flag) => quoted(`${path === '' ? '' : ` ${path}`} ${flag}`)).join('|')}) ${offer(option)}; return ;;\n`)).join('')}  esac
  local -a commands options
  case "$here" in
${tree.map((command) => `    (${quoted(command.path === '' ? '' : ` ${command.path}`)})
${here(command)}      ;;
`).join('')}  esac
}
if [[ "\${funcstack[1]}" == '${name}' ]]; then ${name} "$@"; else compdef ${name} ${program}; fi
`
}

function here({ options, commands, argument }: CompletionCommand): string {
  const rows = (list: readonly { words: readonly string[]; description: string }[]): string => list
    .flatMap(({ words, description }) => words.map((word) => `        ${quoted(`${word.replace(/:/g, '\\:')}:${description}`)}\n`)).join('')
  return [
    `      options=(\n${rows(options.map(({ flags, description }) => ({ words: flags, description })))}      )\n`,
    commands.length > 0 ? `      commands=(\n${rows(commands.map((command) => ({ words: [command.name], description: command.description })))}      )\n` : '',
    '      if [[ "${words[CURRENT]}" == -* ]]; then _describe -o option options\n',
    `      else ${[...(commands.length > 0 ? ['_describe command commands'] : []), ...(argument ? [offer(argument)] : [])].join('; ') || ':'}; fi\n`,
  ].join('')
}

function offer({ words, files }: Values): string {
  const actions = [
    ...(words.length > 0 ? [`compadd -- ${words.map(quoted).join(' ')}`] : []),
    ...(files === 'none' ? [] : [files === 'folder' ? '_files -/' : '_files']),
  ]
  return actions.length > 0 ? actions.join('; ') : ':'
}

function quoted(text: string): string {
  return `'${text.replace(/'/g, '\'\\\'\'')}'`
}
