//! Tests of the command line.

use std::path::PathBuf;

use super::*;

fn read(line: &str) -> Result<Options, Outcome> {
    Options::read(line.split(' ').map(Into::into))
}

#[test]
fn getopt_forms() {
    for line in [
        "keepalived -nlDS7 -f/x",
        "keepalived -n -l -D -S 7 -f /x",
        "keepalived --dont-fork --log-con --log-det --log-fac=7 --use-f /x",
    ] {
        let options = read(line).unwrap();
        assert!(options.dont_fork && options.log_console && options.log_detail == 1, "{line}");
        assert_eq!(options.config_file, PathBuf::from("/x"), "{line}");
        assert!(matches!(options.facility(), Ok(Facility::LOG_LOCAL7)), "{line}");
    }
}

fn words(line: &str) -> Vec<String> {
    read(line).unwrap().line.options().iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

#[test]
fn optional_values_are_attached() {
    for (line, test, log, pattern) in [
        ("keepalived -t", Some(""), None, None),
        ("keepalived -t -f /x", Some(""), None, None),
        ("keepalived -t/log", Some("/log"), None, None),
        ("keepalived -nlt/log", Some("/log"), None, None),
        ("keepalived --config-test=/log", Some("/log"), None, None),
        ("keepalived --config-t=/log -g -M", Some("/log"), Some(""), Some("core")),
        ("keepalived -g/l -M/c/%p", None, Some("/l"), Some("/c/%p")),
        ("keepalived --log-fi=/l --core-dump-p=c", None, Some("/l"), Some("c")),
        ("keepalived -g /l -M c", None, Some(""), Some("core")),
    ] {
        let options = read(line).unwrap();
        assert_eq!(options.config_test, test.map(OsString::from), "{line}");
        assert_eq!(options.log_file, log.map(OsString::from), "{line}");
        assert_eq!(options.core_dump_pattern.as_deref(), pattern, "{line}");
    }
    let stray = read("keepalived -g /l -M c x").unwrap().stray();
    assert_eq!(stray.as_deref(), Some("Unexpected argument(s): /l c x (write --log-file=/l)"));
}

#[test]
fn a_word_after_t_is_the_file_to_test() {
    for (line, file, stray) in [
        ("keepalived -t /x", "/x", None),
        ("keepalived --config-test /x", "/x", None),
        ("keepalived -nlt /x -e", "/x", None),
        ("keepalived -g /l -t /x", "/x", Some("Unexpected argument(s): /l (write --log-file=/l)")),
        ("keepalived -t -- /x", "/x", None),
        ("keepalived -t -f /y /x", "/y", Some("Unexpected argument(s): /x")),
        ("keepalived -f /y -t /x", "/y", Some("Unexpected argument(s): /x (write --config-test=/x)")),
    ] {
        let options = read(line).unwrap();
        assert_eq!(options.config_test, Some("".into()), "{line}");
        assert_eq!(options.config_file, PathBuf::from(file), "{line}");
        assert_eq!(options.stray().as_deref(), stray, "{line}");
    }
    assert!(matches!(read("keepalived -t /x /y"), Err(Outcome::Error(text)) if text.contains("again for /y")));
}

#[test]
fn options_are_parsed_as_by_getopt_long() {
    for (line, expected) in [
        ("keepalived -nlD", &["--dont-fork", "--log-console", "--log-detail"][..]),
        ("keepalived -nDfl", &["--dont-fork", "--log-detail", "--use-file=l"]),
        ("keepalived -f -n", &["--use-file=-n"]),
        ("keepalived --use-f -n", &["--use-file=-n"]),
        ("keepalived --pid=", &["--pid="]),
        ("keepalived --vrrp -f=x", &["--vrrp", "--use-file==x"]),
        ("keepalived -n -- -l", &["--dont-fork"]),
        ("keepalived a -n b", &["--dont-fork"]),
        ("keepalived -", &[]),
        // The names of children do not count as abbreviations.
        ("keepalived --checkers=x --core-dump", &["--checkers_pid=x", "--core-dump"]),
    ] {
        match line {
            "keepalived --pid=" => assert!(matches!(read(line), Err(Outcome::Error(_))), "{line}"),
            _ => assert_eq!(words(line), expected, "{line}"),
        }
    }
    for (line, error) in [
        ("keepalived --nosuch", "Unknown option --nosuch"),
        ("keepalived -n?", "Unknown option -?"),
        ("keepalived -f", "Missing parameter for option -f"),
        ("keepalived -nf", "Missing parameter for option -f"),
        ("keepalived --use-file", "Missing parameter for option --use-file"),
        (
            "keepalived --log",
            "Option --log is ambiguous: --log-console, --log-detail, --log-facility, --log-file, --log-format",
        ),
        ("keepalived --vrrp=x", "Option --vrrp takes no value"),
        ("keepalived -n -T", "-T, --genhash must be the first option"),
        ("keepalived -u 8", ""),
    ] {
        let text = match read(line) {
            Err(Outcome::Error(text)) => text,
            Ok(_) if error.is_empty() => continue,
            other => panic!("{line}: {other:?}"),
        };
        assert!(text.starts_with(error), "{line}: {text}");
    }
}

#[test]
fn relative_paths_are_made_absolute_for_another_directory() {
    let options = read("keepalived -f k.conf -p /run/p -r x/v -gl -A unix:agentx -i id").unwrap();
    let moved = options.from_directory(Path::new("/home/me")).unwrap();
    assert_eq!(moved.config_file, PathBuf::from("/home/me/k.conf"));
    assert_eq!(moved.pid_file, Some("/run/p".into()));
    assert_eq!(moved.vrrp_pid_file, Some("/home/me/x/v".into()));
    assert_eq!(moved.log_file, Some("/home/me/l".into()));
    assert_eq!(moved.snmp_socket.as_deref(), Some("unix:/home/me/agentx"));
    // Children parse the same options again.
    let again = Options::read(moved.line.words()).unwrap();
    assert_eq!(again.snmp_socket, moved.snmp_socket);
    assert_eq!(again.log_file, moved.log_file);
    assert_eq!(again.config_id.as_deref(), Some("id"));
}

#[test]
fn errors_are_distinguished_from_answers() {
    assert!(matches!(read("keepalived --nonsense"), Err(Outcome::Error(_))));
    assert!(matches!(read("keepalived -v"), Err(Outcome::Text(text)) if text.starts_with("Keepalived v")));
    assert!(
        matches!(read("keepalived -h"), Err(Outcome::Text(text)) if text.contains("--use-file") && text.contains("-T, --genhash"))
    );
    assert_eq!(read("keepalived stray words").unwrap().stray().as_deref(), Some("Unexpected argument(s): stray words"));
}
