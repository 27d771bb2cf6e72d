# Completion of keepalived for bash. Made by `make manual` from the options of the program.

_keepalived() {
    local cur=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
    # --name=value is three words.
    if [[ $cur == '=' ]]; then
        option+='='
        cur=
    elif [[ $option == '=' && $COMP_CWORD -gt 1 ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}'='
    fi
    COMPREPLY=()
    case $option in
        --use-file= | --use-file | -f) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --log-file=) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --umask= | --umask | -u) return ;;
        --pid= | --pid | -p) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --vrrp_pid= | --vrrp_pid | -r) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --checkers_pid= | --checkers_pid | -c) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --bfd_pid= | --bfd_pid | -b) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --snmp-agent-socket= | --snmp-agent-socket | -A) return ;;
        --namespace= | --namespace | -s) mapfile -t COMPREPLY < <(compgen -W "$(command ls /run/netns 2>/dev/null)" -- "$cur"); return ;;
        --core-dump-pattern=) return ;;
        --config-id= | --config-id | -i) return ;;
        --config-test= | --config-test | -t) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --status=) mapfile -t COMPREPLY < <(compgen -W 'text json metrics' -- "$cur"); return ;;
        --watch=) return ;;
        --weight= | --weight) return ;;
        --drain= | --drain) return ;;
        --yield= | --yield) return ;;
        --resume= | --resume) return ;;
        --upgrade=) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --log-facility= | --log-facility | -S) mapfile -t COMPREPLY < <(compgen -W 'local0 local1 local2 local3 local4 local5 local6 local7 user daemon' -- "$cur"); return ;;
        --log-format= | --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur"); return ;;
        --signum= | --signum) mapfile -t COMPREPLY < <(compgen -W 'STOP RELOAD DATA STATS STATS_CLEAR JSON' -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-f --use-file -P --vrrp -C --check -B --no_bfd --all -l --log-console -D --log-detail -g --log-file --flush-log-file -G --no-syslog -u --umask -X --release-vips -V --dont-release-vrrp -I --dont-release-ipvs -R --dont-respawn -n --dont-fork -d --dump-conf -p --pid -r --vrrp_pid -c --checkers_pid -b --bfd_pid -a --address-monitoring -x --snmp -A --snmp-agent-socket -s --namespace -m --core-dump -M --core-dump-pattern -e --all-config --strict-config --allow-faults -i --config-id -t --config-test --reload --status --watch --weight --drain --yield --resume --upgrade --ignore-sigint -T --genhash -v --version -h --help -S --log-facility --log-format --signum' -- "$cur")
    fi
}

complete -F _keepalived keepalived
