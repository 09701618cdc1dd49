import { commands, commonOptions } from './commands.ts'

/** bash's completion of nat64ctl: commands, their options and words, and files where one is asked for. */
export function bashCompletion(): string {
  const flags = commonOptions.map(({ flag }) => flag)
  const cases = commands.map(({ name, words, value, options = [] }) => {
    // After how many words a file is asked for.
    const files = value === '[FILE]' ? String(words === undefined ? 0 : 1) : 'no'
    return `        ${name}) options='${[...flags, ...options.map(({ flag }) => flag)].join(' ')}' words='${words?.choice.join(' ') ?? ''}' files=${files} ;;`
  })
  return `# bash completion of nat64ctl(8)

_nat64ctl() {
    local word=\${COMP_WORDS[COMP_CWORD]} command='' given=0 index options='${flags.join(' ')}' words='${commands.map(({ name }) => name).join(' ')}' files=no
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        case \${COMP_WORDS[index]} in
        -*) ;;
        *) if [[ -z $command ]]; then command=\${COMP_WORDS[index]}; else given=$((given + 1)); fi ;;
        esac
    done
    if [[ -n $command ]]; then
        words=''
        case $command in
${cases.join('\n')}
        esac
    fi
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    elif [[ $files == "$given" ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    elif ((given == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    fi
}

complete -F _nat64ctl nat64ctl
`
}
