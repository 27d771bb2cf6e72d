//! The generated manual page and completions: `make manual` writes them, the tests compare them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod completion;

use std::fs;
use std::path::Path;
use std::process;

use clap::Command;
use keepalived::process::cli;

/// Compares a committed file with its generated text; with UPDATE in the environment, writes it.
fn compare(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "{path} is out of date: run `make manual`");
}

#[test]
fn the_configuration_manual_is_up_to_date() {
    let head = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/keepalived.conf.5.in")).unwrap();
    let tail = ".SH SEE ALSO\n.BR keepalived (8),\n.BR genhash (1)\n";
    compare("man/keepalived.conf.5", &format!("{head}{}{tail}", keepalived::config::keywords::manual()));
}

/// The programs with their options.
fn programs() -> [(&'static str, Command); 2] {
    [("keepalived", cli::completed()), ("genhash", keepalived::genhash::command())]
}

#[test]
fn completions_are_up_to_date() {
    for (program, mut command) in programs() {
        compare(&format!("completions/{program}.bash"), &completion::bash(&mut command, program));
        compare(&format!("completions/_{program}"), &completion::zsh(&mut command, program));
        compare(&format!("completions/{program}.fish"), &completion::fish(&mut command, program));
    }
}

/// groff, if it is installed, must report nothing.
#[test]
fn the_manual_pages_are_well_formed() {
    for page in ["keepalived.8", "keepalived.conf.5", "genhash.1"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(page);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(".TH ") && text.contains("\n.SH NAME\n"), "{page}");
        let Ok(output) = process::Command::new("groff").args(["-man", "-Tascii", "-ww", "-z"]).arg(&file).output()
        else {
            continue;
        };
        assert!(output.stderr.is_empty(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
