//! Manual page and completions that are made from the program: `make manual` writes them, the tests compare.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use keepalived::process::cli::Options;

/// Compares a committed file with what it is made from; with UPDATE in the environment writes it.
fn made(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "{path} is out of date: run `make manual`");
}

#[test]
fn the_configuration_manual_is_that_of_the_keyword_tree() {
    let head = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/keepalived.conf.5.in")).unwrap();
    let tail = ".SH SEE ALSO\n.BR keepalived (8),\n.BR genhash (1)\n";
    made("man/keepalived.conf.5", &format!("{head}{}{tail}", keepalived::config::keywords::manual()));
}

#[test]
fn completions_are_those_of_the_options() {
    let mut text = Vec::new();
    generate(Shell::Bash, &mut Options::command(), "keepalived", &mut text);
    // The option by which children know what they are is not for people.
    let text = String::from_utf8(text).unwrap().replace(" --child-role\"", "\"");
    made("completions/keepalived.bash", &text);
}

/// Where man-db's roff is installed it must have nothing to complain about.
#[test]
fn the_manual_pages_are_well_formed() {
    for page in ["keepalived.8", "keepalived.conf.5", "genhash.1"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(page);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(".TH ") && text.contains("\n.SH NAME\n"), "{page}");
        let Ok(output) = Command::new("groff").args(["-man", "-Tascii", "-ww", "-z"]).arg(&file).output() else {
            continue;
        };
        assert!(output.stderr.is_empty(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
