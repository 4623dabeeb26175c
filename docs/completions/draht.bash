# SPDX-License-Identifier: EUPL-1.2
# bash completion for draht(1)
_draht() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    case $prev in
        -c | --config) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --state) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
        --role) mapfile -t COMPREPLY < <(compgen -W 'agent admin' -- "$cur"); return ;;
    esac
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'run check explain normalize user erase version help --help' -- "$cur")
        return
    fi
    local words='--help'
    case $command in
        run) words+=' -c --state --demo' ;;
        check) words+=' -c' ;;
        explain) words+=" $(draht explain 2>/dev/null | grep -oE '^[a-z_]+(\.[a-z_]+)*' | sort -u | tr '\n' ' ')" ;;
        normalize) ((COMP_CWORD == 2)) && words+=' email webchat' || { mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; } ;;
        user) ((COMP_CWORD == 2)) && words+=' add passwd list' || words+=' -c --state --name --role --password-stdin' ;;
        erase) words+=' -c --state' ;;
        help) words='run check explain normalize user erase version' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _draht draht
