//! `keepalived --status`: shows the status of the running daemon.

use std::time::Duration;

use super::cli::{Options, StatusFormat};
use super::control_command::{self, Failed};
use super::exit;
use crate::control::{Answer, Request};
use crate::status::{Status, metrics, text};
use crate::terminal;
use crate::text::reason;

/// Longest wait: more than the daemon waits for its processes.
const LIMIT: Duration = Duration::from_secs(10);
/// Moves the cursor to the top left corner and clears the screen below (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[J";

/// Runs the command; the result is the exit status.
pub(super) fn run(options: &Options, format: StatusFormat) -> u8 {
    let Err((status, text)) =
        options.watch.map_or_else(|| once(options, format), |every| watch(options, format, every))
    else {
        return exit::OK;
    };
    terminal::message(format_args!("keepalived: No status: {text}"));
    status
}

fn once(options: &Options, format: StatusFormat) -> Result<(), Failed> {
    let shown = shown(&ask(options)?, format)?;
    terminal::answer(shown).map_err(cannot_write)
}

/// Shows the status again and again, until the program is interrupted or the daemon stops.
fn watch(options: &Options, format: StatusFormat, every: Duration) -> Result<(), Failed> {
    loop {
        let shown = shown(&ask(options)?, format)?;
        let written = match format {
            StatusFormat::Text => terminal::screen(CLEAR, shown),
            StatusFormat::Json | StatusFormat::Metrics => terminal::answer(shown),
        };
        written.map_err(cannot_write)?;
        std::thread::sleep(every);
    }
}

fn cannot_write(error: std::io::Error) -> Failed {
    (exit::FATAL, format!("cannot write it: {}", reason(&error)))
}

fn ask(options: &Options) -> Result<Status, Failed> {
    let instead = "remove it and restart the daemon, or read the dump of the signal USR1";
    match control_command::send(options, &Request::Status, LIMIT, instead)? {
        Answer::Status(status) => Ok(*status),
        answer => Err(control_command::other(&answer)),
    }
}

fn shown(status: &Status, format: StatusFormat) -> Result<String, Failed> {
    Ok(match format {
        StatusFormat::Text => text::text(status),
        StatusFormat::Metrics => metrics::text(status),
        StatusFormat::Json => {
            serde_json::to_string_pretty(status).map_err(|error| (exit::FATAL, format!("as JSON: {error}")))?
        }
    })
}
