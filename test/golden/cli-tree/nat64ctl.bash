# bash completion of nat64ctl(8)

_nat64ctl() {
    local word=${COMP_WORDS[COMP_CWORD]} command='' given=0 index options='--help --json' words='check diff apply show monitor reset explain export debug-archive' files=no
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
        -*) ;;
        *) if [[ -z $command ]]; then command=${COMP_WORDS[index]}; else given=$((given + 1)); fi ;;
        esac
    done
    if [[ -n $command ]]; then
        words=''
        case $command in
        check) options='--help --json --on-this-router' words='' files=0 ;;
        diff) options='--help --json' words='' files=0 ;;
        apply) options='--help --json --dry-run' words='' files=0 ;;
        show) options='--help --json' words='rules translations pools statistics status timeouts' files=no ;;
        monitor) options='--help --json' words='' files=no ;;
        reset) options='--help --json' words='translations statistics' files=no ;;
        explain) options='--help --json' words='' files=no ;;
        export) options='--help --json' words='jool tayga set-commands' files=1 ;;
        debug-archive) options='--help --json' words='' files=no ;;
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
