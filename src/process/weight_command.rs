//! `keepalived --weight` and `--drain`: set the weight of a real server of the running daemon.

use std::time::Duration;

use super::cli::Options;
use super::control_command;
use super::exit;
use crate::control::{Answer, Command, Request, Weight};
use crate::terminal;

/// Longest wait: more than the daemon waits for its process.
const LIMIT: Duration = Duration::from_secs(15);

/// Runs the command; the result is the exit status.
pub(super) fn run(options: &Options, weight: Weight) -> u8 {
    let request = Request::Command(Command::Weight(weight));
    let instead = "set realServerWeight by SNMP instead";
    let failed = match control_command::send(options, &request, LIMIT, instead) {
        Ok(Answer::Done(text)) => match terminal::answer(text) {
            Ok(()) => return exit::OK,
            // The weight is set.
            Err(_) => return exit::FATAL,
        },
        Ok(answer) => control_command::other(&answer),
        Err(failed) => failed,
    };
    let (status, text) = failed;
    terminal::message(format_args!("keepalived: The weight is not set: {text}"));
    status
}
