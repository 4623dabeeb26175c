# SPDX-License-Identifier: EUPL-1.2
# bash completion for draht(1)
_draht_types() {
    draht channel list 2>/dev/null | cut -d ' ' -f 1 | tr '\n' ' '
}
_draht_channel() {
    local words
    case ${COMP_WORDS[2]} in
        list) words='--json' ;;
        options) words="--json $(_draht_types)" ;;
        new) words='--lang --dir' ;;
        test) words="--options --script --case --json --verbose $(_draht_types)" ;;
        log) words='--follow -n --json -c --state' ;;
        *) words='list options new test log --help' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    [[ ${COMP_WORDS[2]} == test && $cur != -* ]] && mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
}
_draht() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    case $prev in
        -c | --config) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --options | --script) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --lang) mapfile -t COMPREPLY < <(compgen -W 'c python sh' -- "$cur"); return ;;
        --dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
        --state) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
        --role) mapfile -t COMPREPLY < <(compgen -W 'agent admin' -- "$cur"); return ;;
        --access) mapfile -t COMPREPLY < <(compgen -W 'all own' -- "$cur"); return ;;
    esac
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'run check explain normalize channel user erase version help --help' -- "$cur")
        return
    fi
    local words='--help'
    case $command in
        run) words+=' -c --state --demo' ;;
        check) words+=' -c' ;;
        explain) words+=" $(draht explain 2>/dev/null | grep -oE '^[a-z_]+(\.[a-z_]+)*' | sort -u | tr '\n' ' ')" ;;
        normalize) ((COMP_CWORD == 2)) && words+=" $(_draht_types)" || { mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; } ;;
        channel) _draht_channel; return ;;
        user) ((COMP_CWORD == 2)) && words+=' add passwd list' || words+=' -c --state --name --role --access --queues --password-stdin' ;;
        erase) words+=' -c --state' ;;
        help) words='run check explain normalize channel user erase version' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _draht draht
