//! The `keepalived` program. By its arguments it is the daemon, the launcher or the runner of programs, or genhash.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use keepalived::net::runner;
use keepalived::reactor::launcher;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // First of all: the launcher must start quickly, and its arguments are those of another program.
    if arguments.get(1).is_some_and(|first| first == launcher::ROLE) {
        return launcher::run(arguments.get(2..).unwrap_or_default()).into();
    }
    if arguments.get(1).is_some_and(|first| first == runner::ROLE) {
        return runner::run(arguments.get(2..).unwrap_or_default()).into();
    }
    let named_genhash =
        arguments.first().is_some_and(|program| Path::new(program).file_name() == Some("genhash".as_ref()));
    // -T must come first: genhash's command line follows.
    if arguments.get(1).is_some_and(|first| first == "-T" || first == "--genhash") {
        arguments.remove(1);
        return keepalived::genhash::run(arguments);
    }
    if named_genhash {
        return keepalived::genhash::run(arguments);
    }
    keepalived::process::run(arguments).into()
}
