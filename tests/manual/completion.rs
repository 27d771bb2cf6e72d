//! Completions for bash, zsh and fish, generated from the options of a program. The completions of clap support neither
//! values that must be attached to their option nor, in bash, values after `=`.

use std::fmt::Write;

use clap::{Arg, Command, ValueHint};

/// Values of an option.
enum Words {
    Nothing,
    Files,
    /// Names of network namespaces.
    Namespaces,
    Known(Vec<String>),
    Any,
}

/// Position of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Next,
    Attached,
    /// Attached; files may follow too.
    Either,
}

struct Completed {
    short: Option<char>,
    long: String,
    help: String,
    words: Words,
    place: Place,
    repeated: bool,
}

impl Completed {
    fn new(arg: &Arg) -> Option<Completed> {
        let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let range = arg.get_num_args().filter(|range| range.takes_values());
        let words = match arg.get_id().as_str() {
            _ if range.is_none() => Words::Nothing,
            "namespace" => Words::Namespaces,
            _ if !values.is_empty() => Words::Known(values),
            _ if arg.get_value_hint() == ValueHint::FilePath => Words::Files,
            _ => Words::Any,
        };
        let place = match arg.get_id().as_str() {
            "config_test" => Place::Either,
            _ if range.is_some_and(|range| range.min_values() == 0) => Place::Attached,
            _ => Place::Next,
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let repeated = matches!(arg.get_action(), clap::ArgAction::Count);
        Some(Completed { short: arg.get_short(), long: arg.get_long()?.to_owned(), help, words, place, repeated })
    }
}

fn options(command: &mut Command) -> Vec<Completed> {
    command.build();
    command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(Completed::new).collect()
}

const HEAD: &str = "Made by `make manual` from the options of the program.";
const NAMESPACES: &str = "command ls /run/netns 2>/dev/null";

/// For bash.
pub fn bash(command: &mut Command, program: &str) -> String {
    let (mut names, mut cases) = (Vec::new(), String::new());
    for Completed { short, long, words, place, .. } in options(command) {
        names.extend(short.map(|short| format!("-{short}")));
        names.push(format!("--{long}"));
        let find = match words {
            Words::Nothing => continue,
            Words::Any => String::new(),
            Words::Files => "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")".to_owned(),
            Words::Namespaces => format!("mapfile -t COMPREPLY < <(compgen -W \"$({NAMESPACES})\" -- \"$cur\")"),
            Words::Known(words) => {
                format!("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")", words.join(" "))
            }
        };
        let mut forms = vec![format!("--{long}=")];
        if place != Place::Attached {
            forms.push(format!("--{long}"));
            forms.extend(short.map(|short| format!("-{short}")));
        }
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            cases,
            "        {}) {find}{}return ;;",
            forms.join(" | "),
            if find.is_empty() { "" } else { "; " }
        );
    }
    let names = names.join(" ");
    format!(
        r#"# Completion of {program} for bash. {HEAD}

_{program}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD - 1]}}
    # --name=value is three words.
    if [[ $cur == '=' ]]; then
        option+='='
        cur=
    elif [[ $option == '=' && $COMP_CWORD -gt 1 ]]; then
        option=${{COMP_WORDS[COMP_CWORD - 2]}}'='
    fi
    COMPREPLY=()
    case $option in
{cases}    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '{names}' -- "$cur")
    fi
}}

complete -F _{program} {program}
"#
    )
}

/// For zsh.
pub fn zsh(command: &mut Command, program: &str) -> String {
    let mut specs = String::new();
    for Completed { short, long, help, words, place, repeated } in options(command) {
        let help: String = help.chars().filter(|c| !matches!(c, '[' | ']' | '`')).collect();
        let help = help.replace('\'', "'\\''").replace(':', "\\:");
        let (colon, of_short, of_long) = match place {
            Place::Next => (":", "+", "="),
            Place::Either => ("::", "+", "="),
            Place::Attached => ("::", "-", "=-"),
        };
        let action = match &words {
            Words::Nothing => None,
            Words::Any => Some(" ".to_owned()),
            Words::Files => Some("_files".to_owned()),
            Words::Namespaces => Some(format!("($({NAMESPACES}))")),
            Words::Known(words) => Some(format!("({})", words.join(" "))),
        };
        let short = short.map(|short| (format!("-{short}"), of_short));
        for (name, mark) in short.into_iter().chain([(format!("--{long}"), of_long)]) {
            let again = if repeated { "*" } else { "" };
            let spec = match &action {
                None => format!("{again}{name}[{help}]"),
                Some(action) => format!("{name}{mark}[{help}]{colon}{long}:{action}"),
            };
            let _ = writeln!(specs, "    '{spec}' \\");
        }
    }
    format!(
        "#compdef {program}\n# Completion of {program} for zsh. {HEAD}\n\n_arguments -s -S : \\\n{specs}    && return 0\n"
    )
}

/// For fish.
pub fn fish(command: &mut Command, program: &str) -> String {
    let mut text = format!("# Completion of {program} for fish. {HEAD}\n\ncomplete -c {program} -f\n");
    for Completed { short, long, help, words, place, .. } in options(command) {
        let short = short.map_or_else(String::new, |short| format!(" -s {short}"));
        let needs = if place == Place::Next { " -r" } else { "" };
        let words = match words {
            Words::Nothing => String::new(),
            Words::Any => format!("{needs} -f"),
            Words::Files => format!("{needs} -F"),
            Words::Namespaces => format!("{needs} -f -a '({NAMESPACES})'"),
            Words::Known(words) => format!("{needs} -f -a '{}'", words.join(" ")),
        };
        let help = help.replace('\'', "\\'");
        let _ = writeln!(text, "complete -c {program}{short} -l {long}{words} -d '{help}'");
    }
    if program == "keepalived" {
        let _ = writeln!(text, "complete -c {program} -n '__fish_prev_arg_in -t --config-test' -F");
    }
    text
}
