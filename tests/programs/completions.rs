//! Completions by the shells themselves. Shells that are not installed are skipped.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Bash script that completes `$LINE` by the function that is registered for its first word.
const BASH: &str = r#"
source "$COMPLETIONS/$1.bash"
[[ $(complete -p "$1") == "complete -F _$1 $1" ]] || exit 1
compopt() { :; }
COMP_LINE=$2 COMP_POINT=${#2}
words=${2//=/ = }
read -ra COMP_WORDS <<< "$words"
[[ $words == *' ' && $words != *'= ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"_$1" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
(( ${#COMPREPLY[@]} == 0 )) || printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Completes the line in an interactive zsh, which writes the results to a file.
const ZSH: &str = r#"
zmodload zsh/zpty zsh/zselect
export FOUND=$SCRATCH/found
: > $FOUND
zpty -b z zsh -f -i
await() {
    integer n
    for ((n = 0; n < 2000; n++)); do
        [[ -e $1 ]] && return
        zpty -rt z > /dev/null 2>&1
        zselect -t 1
    done
    print -u2 "no $1"
    exit 1
}
zpty -w z "source $SCRATCH/init.zsh"
await $FOUND.ready
zpty -wn z "$2"$'\t'
await $FOUND.end
cat $FOUND
"#;
const ZSH_INIT: &str = r#"
fpath=($COMPLETIONS $fpath)
autoload -Uz compinit
compinit -u -D
bindkey '^I' complete-word
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a found
    builtin compadd -A found "$@"
    (( $#found )) && print -rl -- $found >> $FOUND
    builtin compadd "$@"
}
finish() {
    : > $FOUND.end
    exit
}
comppostfuncs=(finish)
: > $FOUND.ready
"#;

const FISH: &str = "source \"$COMPLETIONS/$argv[1].fish\"; complete -C \"$argv[2]\"";

/// A directory with one file and one directory.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("keep.conf"), "").unwrap();
    fs::create_dir(place.path().join("keys")).unwrap();
    place
}

fn completions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

fn run(command: &mut Command, directory: &Path) -> Option<Output> {
    command.current_dir(directory).env("COMPLETIONS", completions()).env("TERM", "dumb").stdin(Stdio::null());
    let output = command.output().ok()?;
    assert!(output.status.success(), "{command:?}: {output:?}");
    Some(output)
}

/// The completions of a line by a shell, without the final `/` of directories.
fn offered(shell: &str, line: &str) -> Option<BTreeSet<String>> {
    let place = place();
    let program = line.split(' ').next().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("init.zsh"), ZSH_INIT).unwrap();
    let mut command = Command::new(shell);
    command.env("SCRATCH", scratch.path());
    match shell {
        "bash" => command.args(["--norc", "-c", BASH, "bash", program, line]),
        "zsh" => command.args(["-f", "-c", ZSH, "zsh", program, line]),
        _ => command.args(["--no-config", "-c", FISH, program, line]),
    };
    let output = run(&mut command, place.path())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<&str> = match shell {
        "fish" => text.lines().map(|line| line.split('\t').next().unwrap()).collect(),
        _ => text.lines().collect(),
    };
    // Some shells include the text before the value.
    let head = line.rsplit(' ').next().unwrap().split_inclusive('=').next().filter(|head| head.ends_with('='));
    let bare =
        |word: &str| word.strip_prefix(head.unwrap_or_default()).unwrap_or(word).trim_end_matches('/').to_owned();
    Some(words.into_iter().map(bare).collect())
}

#[test]
fn each_shell_offers_options_and_their_values() {
    let files = &["keep.conf", "keys"][..];
    let facilities = &["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"][..];
    for (line, expected) in [
        ("keepalived --use", &["--use-file"][..]),
        ("keepalived --dump", &["--dump-conf"]),
        ("keepalived -f ke", files),
        ("keepalived --use-file ke", files),
        ("keepalived --use-file=ke", files),
        ("keepalived -n -t ke", files),
        ("keepalived --config-test ke", files),
        ("keepalived --config-test=ke", files),
        ("keepalived --log-file=ke", files),
        ("keepalived -S loc", facilities),
        ("keepalived --log-facility=loc", facilities),
        ("keepalived --signum STATS", &["STATS", "STATS_CLEAR"]),
        ("keepalived --signum=J", &["JSON"]),
        // The value must be attached, so no file may follow.
        ("keepalived -g ke", &[]),
        ("genhash --use-v", &["--use-virtualhost"]),
        ("genhash -H sha", &["sha1", "sha256"]),
        ("genhash --hash=m", &["md5"]),
        ("genhash --protocol 1.0", &["1.0", "1.0c"]),
    ] {
        for shell in ["bash", "zsh", "fish"] {
            let Some(words) = offered(shell, line) else { continue };
            let expected: BTreeSet<String> = expected.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(words, expected, "{shell}: {line}");
        }
    }
}

#[test]
fn internal_options_are_not_offered() {
    for shell in ["bash", "zsh", "fish"] {
        let Some(words) = offered(shell, "keepalived --") else { continue };
        assert!(words.contains("--genhash") && words.contains("--strict-config"), "{shell}: {words:?}");
        assert!(!words.iter().any(|word| word.contains("child-role")), "{shell}: {words:?}");
    }
}

/// Checks the syntax of each file with its shell, if it is installed.
#[test]
fn each_file_is_valid_for_its_shell() {
    for (shell, option, name) in [("bash", "-n", "%.bash"), ("zsh", "-n", "_%"), ("fish", "--no-execute", "%.fish")] {
        for program in ["keepalived", "genhash"] {
            let file = completions().join(name.replace('%', program));
            assert!(file.exists(), "{}", file.display());
            if let Ok(output) = Command::new(shell).arg(option).arg(&file).output() {
                assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", file.display());
            }
        }
    }
}
