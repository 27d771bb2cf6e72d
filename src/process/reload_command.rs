//! `keepalived --reload`: has the running daemon read its configuration again, and waits for the result.

use std::time::Duration;

use super::cli::Options;
use super::control_command::{self, Failed};
use super::exit;
use crate::control::{Answer, Outcome, Reload, Request};
use crate::terminal;

/// Longest wait: more than the daemon has clients wait.
const LIMIT: Duration = Duration::from_secs(70);

/// Runs the command; the result is the exit status.
pub(super) fn run(options: &Options) -> u8 {
    let instead = "send the signal HUP to the daemon instead";
    match control_command::send(options, &Request::Reload, LIMIT, instead).and_then(of) {
        Ok(()) => exit::OK,
        Err((status, text)) => {
            terminal::message(format_args!("keepalived: Not reloaded: {text}"));
            status
        }
    }
}

/// Shows the diagnostics of an answer.
///
/// # Errors
/// If the new configuration does not run.
fn of(answer: Answer) -> Result<(), Failed> {
    let Answer::Reload(Reload { outcome, reason, diagnostics }) = answer else {
        return Err(control_command::other(&answer));
    };
    terminal::message(diagnostics);
    let status = match outcome {
        Outcome::Complete => return Ok(()),
        Outcome::Errors => exit::CONFIG,
        Outcome::NoFile => exit::NO_CONFIG,
        Outcome::Faults => exit::FAULTS,
        Outcome::Refused | Outcome::Incomplete => exit::FATAL,
    };
    Err((status, reason))
}
