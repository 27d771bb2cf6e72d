//! Commands of an operator that a child of the running daemon carries out: `keepalived --weight`, `--drain`, `--yield` and
//! `--resume`.

use std::time::Duration;

use super::cli::Options;
use super::control_command;
use super::exit;
use crate::control::{Answer, Command, Request, Weight};
use crate::terminal;

/// Longest wait: more than the daemon waits for its process.
const LIMIT: Duration = Duration::from_secs(15);

/// The command that the options name.
pub(super) fn of(options: &Options) -> Option<Command> {
    let drained = || options.drain.map(|server| Weight { server, weight: Some(0) });
    let weight = options.weight.or_else(drained).map(Command::Weight);
    let absence = || options.absence.clone().map(Command::Yield);
    weight.or_else(absence).or_else(|| options.resume.clone().map(Command::Resume))
}

/// Runs the command; the result is the exit status.
pub(super) fn run(options: &Options, command: Command) -> u8 {
    let (instead, undone) = match command {
        Command::Weight(_) => ("set realServerWeight by SNMP instead", "The weight is not set"),
        Command::Yield(_) => ("lower vrrpInstanceBasePriority by SNMP instead", "Not yielded"),
        Command::Resume(_) => ("restart the daemon instead", "Not resumed"),
    };
    let failed = match control_command::send(options, &Request::Command(command), LIMIT, instead) {
        Ok(Answer::Done(text)) => match terminal::answer(text) {
            Ok(()) => return exit::OK,
            // It is done.
            Err(_) => return exit::FATAL,
        },
        Ok(answer) => control_command::other(&answer),
        Err(failed) => failed,
    };
    let (status, text) = failed;
    terminal::message(format_args!("keepalived: {undone}: {text}"));
    status
}
