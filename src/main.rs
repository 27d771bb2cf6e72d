//! Command line to one of the processes.

use std::process::ExitCode;

fn main() -> ExitCode {
    keepalived::process::run(std::env::args_os().collect()).into()
}
