//! Command line to one of the processes, or to genhash.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let named_genhash =
        arguments.first().is_some_and(|program| Path::new(program).file_name() == Some("genhash".as_ref()));
    // -T must come first: what follows is genhash's command line.
    if arguments.get(1).is_some_and(|first| first == "-T" || first == "--genhash") {
        arguments.remove(1);
        return keepalived::genhash::run(arguments);
    }
    if named_genhash {
        return keepalived::genhash::run(arguments);
    }
    keepalived::process::run(arguments).into()
}
