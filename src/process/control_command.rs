//! Commands that ask the running daemon through its control socket.

use std::time::Duration;

use super::cli::Options;
use super::configuration;
use super::control_socket;
use super::exit;
use super::names::Names;
use crate::control::{Answer, Failure, Request, ask};

/// A request that was not carried out: the exit status and the reason.
pub(super) type Failed = (u8, String);

/// Sends a request to the daemon that these options would start, and waits at most for `limit` for its answer.
///
/// # Errors
/// If there is no answer, or the daemon refuses the request. `instead` says what to do without a control socket.
pub(super) fn send(options: &Options, request: &Request, limit: Duration, instead: &str) -> Result<Answer, Failed> {
    let answer = send_and_may_be_cut_off(options, request, limit, instead)?;
    answer.ok_or_else(|| (exit::FATAL, format!("the daemon cannot be asked: {}", Failure::Disconnected)))
}

/// As [`send`]; `None` if the daemon has disconnected without an answer.
///
/// # Errors
/// As those of [`send`].
pub(super) fn send_and_may_be_cut_off(
    options: &Options,
    request: &Request,
    limit: Duration,
    instead: &str,
) -> Result<Option<Answer>, Failed> {
    // The same derivation as in the daemon, from a file that may have errors by now.
    let global = configuration::global(options);
    let file = options.config_file.display();
    let Some(path) = control_socket::path(options, &Names::new(options, &global), &global) else {
        return Err((exit::NOT_RUNNING, format!("{file} has 'control_socket none'; {instead}")));
    };
    let answer = ask(&path, request, limit);
    let path = path.display();
    match answer {
        Ok(Answer::Denied(reason)) => Err((exit::PRIVILEGE, reason)),
        Ok(Answer::Refused(reason)) => Err((exit::FATAL, reason)),
        Ok(answer) => Ok(Some(answer)),
        Err(Failure::Disconnected) => Ok(None),
        Err(Failure::Absent(why)) => Err((
            exit::NOT_RUNNING,
            format!(
                "no keepalived answers at {path} ({why}); give the daemon's own -f, -p and -s, and if control_socket or \
                 instance was changed in {file}, restart the daemon"
            ),
        )),
        Err(Failure::Denied) => Err((
            exit::PRIVILEGE,
            format!("Permission denied at {path}; root and the members of control_group may ask the daemon"),
        )),
        Err(error) => Err((exit::FATAL, format!("the daemon at {path} cannot be asked: {error}"))),
    }
}

/// The failure for an answer to another question.
pub(super) fn other(answer: &Answer) -> Failed {
    let kind = match answer {
        Answer::Version(_) => "version",
        Answer::Reload(_) => "reload",
        Answer::Status(_) => "status",
        Answer::Done(_) => "command",
        Answer::Denied(_) | Answer::Refused(_) => "refusal",
    };
    (exit::FATAL, format!("the daemon has answered another question: {kind}"))
}
