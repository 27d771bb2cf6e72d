# Completion of genhash for bash. Made by `make manual` from the options of the program.

_genhash() {
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
        --server= | --server | -s) return ;;
        --port= | --port | -p) return ;;
        --url= | --url | -u) return ;;
        --use-virtualhost= | --use-virtualhost | -V) return ;;
        --hash= | --hash | -H) mapfile -t COMPREPLY < <(compgen -W 'md5 sha1 sha256' -- "$cur"); return ;;
        --fwmark= | --fwmark | -m) return ;;
        --timeout= | --timeout | -t) return ;;
        --protocol= | --protocol | -P) mapfile -t COMPREPLY < <(compgen -W '1.0 1.0c 1.1' -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-s --server -p --port -u --url -S --use-ssl -I --use-sni -V --use-virtualhost -H --hash -m --fwmark -t --timeout -v --verbose -r --release -h --help -P --protocol' -- "$cur")
    fi
}

complete -F _genhash genhash
