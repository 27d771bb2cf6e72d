//! `keepalived --reload`: has the running daemon read its configuration again, and waits for the result.

use std::time::Duration;

use super::cli::Options;
use super::configuration;
use super::control_socket;
use super::exit;
use super::names::Names;
use crate::control::{Answer, Failure, Outcome, Reload, Request, ask};
use crate::terminal;

/// Longest wait: more than the daemon has clients wait.
const LIMIT: Duration = Duration::from_secs(70);

/// Runs the command; the result is the exit status.
pub(super) fn run(options: &Options) -> u8 {
    // The same derivation as in the daemon, from a file that may have errors by now.
    let global = configuration::global(options);
    let file = options.config_file.display();
    let Some(path) = control_socket::path(options, &Names::new(options, &global), &global) else {
        terminal::message(format_args!(
            "keepalived: Not reloaded: {file} has 'control_socket none'; send the signal HUP to the daemon instead"
        ));
        return exit::NOT_RUNNING;
    };
    let answer = ask(&path, &Request::Reload, LIMIT);
    let path = path.display();
    let (status, text) = match answer {
        Ok(answer) => match of(answer) {
            Ok(()) => return exit::OK,
            Err(other) => other,
        },
        Err(Failure::Absent(why)) => (
            exit::NOT_RUNNING,
            format!(
                "no keepalived answers at {path} ({why}); give the daemon's own -f, -p and -s, and if control_socket or \
                 instance was changed in {file}, restart the daemon"
            ),
        ),
        Err(Failure::Denied) => {
            (exit::PRIVILEGE, format!("Permission denied at {path}; root and the members of control_group may reload"))
        }
        Err(error) => (exit::FATAL, format!("the daemon at {path} cannot be asked: {error}")),
    };
    terminal::message(format_args!("keepalived: Not reloaded: {text}"));
    status
}

/// Shows the diagnostics of an answer.
///
/// # Errors
/// The exit status and the message, if the new configuration does not run.
fn of(answer: Answer) -> Result<(), (u8, String)> {
    let Reload { outcome, reason, diagnostics } = match answer {
        Answer::Reload(reload) => reload,
        Answer::Denied(reason) => return Err((exit::PRIVILEGE, reason)),
        Answer::Refused(reason) => return Err((exit::FATAL, reason)),
        Answer::Version(version) => {
            return Err((exit::FATAL, format!("the daemon has answered another question: {version}")));
        }
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
