import type { CompletionCommand, Values } from './completion-tree.ts'

/** Finds the command that is being typed, then offers what may stand here. Needs nothing but bash 3.2. */
export function bashScript(program: string, tree: readonly CompletionCommand[]): string {
  const name = `_${program.replace(/[^A-Za-z0-9]/g, '_')}`
  const valueFlags = [...new Set(tree.flatMap((command) => command.options.filter((option) => option.takesValue).flatMap((option) => option.flags)))]
  return `# bash completion for ${program}. Load it with: source <(${program} completion bash)
${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" path='' skip='' word
  # bash makes three words of --option=value.
  if [[ $current == '=' ]]; then current=''
  elif [[ $previous == '=' ]]; then previous="\${COMP_WORDS[COMP_CWORD - 2]}"; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == '=' ]]; then continue; fi
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in ${valueFlags.join('|') || '\'\''}) skip=1; continue ;; esac
    case "$path $word" in
${tree.filter(({ path }) => path !== '').map(({ path }) => `      ${quoted(` ${path}`)}) path=${quoted(` ${path}`)} ;;\n`).join('')}    esac
  done
  COMPREPLY=()
  case "$path $previous" in
${tree.flatMap(({ path, options }) => options.filter((option) => option.takesValue).map((option) => `    ${option.flags.map((flag) => quoted(`${path === '' ? '' : ` ${path}`} ${flag}`)).join('|')}) ${offer(option)}; return ;;\n`)).join('')}  esac
  case "$path" in
${tree.map((command) => `    ${quoted(command.path === '' ? '' : ` ${command.path}`)}) ${here(command)} ;;\n`).join('')}  esac
}
complete -F ${name} ${program}
`
}

function here({ options, commands, argument }: CompletionCommand): string {
  const flags = offer({ words: options.flatMap((option) => option.flags), files: 'none' })
  const names = commands.map((command) => command.name)
  return `if [[ $current == -* ]]; then ${flags}; else ${offer({ words: [...names, ...argument?.words ?? []], files: argument?.files ?? 'none' })}; fi`
}

function offer({ words, files }: Values): string {
  const actions = [
    ...(words.length > 0 ? [`COMPREPLY+=($(compgen -W ${quoted(words.join(' '))} -- "$current"))`] : []),
    ...(files === 'none' ? [] : [`compopt -o filenames 2>/dev/null; while IFS='' read -r word; do COMPREPLY+=("$word"); done < <(compgen ${files === 'folder' ? '-d' : '-f'} -- "$current")`]),
  ]
  return actions.length > 0 ? actions.join('; ') : ':'
}

function quoted(text: string): string {
  return `'${text.replace(/'/g, '\'\\\'\'')}'`
}
