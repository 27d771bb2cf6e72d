//! `keepalived --upgrade`: has the running daemon replaced by another program without a transition, and waits for the result.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::cli::Options;
use super::control_command::{self, Failed};
use super::exit;
use crate::control::{Answer, Request};
use crate::status::{Status, Upgrade};
use crate::terminal;
use crate::text::reason;

/// Longest wait for the trial.
const TRIAL: Duration = Duration::from_secs(90);
/// Longest wait for an answer afterwards, and for the result.
const LIMIT: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(90));
/// Interval of questions for the result.
const PAUSE: Duration = Duration::from_millis(200);
const INSTEAD: &str = "restart the daemon instead";

/// Runs the command; the result is the exit status. Without a program it is this one.
pub(super) fn run(options: &Options, program: &str) -> u8 {
    match upgrade(options, program) {
        Ok(status) => {
            let _ = terminal::answer(format_args!("{} runs\n", status.version));
            exit::OK
        }
        Err((status, why)) => {
            terminal::message(format_args!("keepalived: Not upgraded: {why}"));
            status
        }
    }
}

fn upgrade(options: &Options, program: &str) -> Result<Status, Failed> {
    let fatal = |why: String| (exit::FATAL, why);
    let program = if program.is_empty() { std::env::current_exe() } else { std::path::absolute(program) };
    let program: PathBuf = program.map_err(|error| fatal(reason(&error)))?;
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match control_command::send(options, &Request::Upgrade(program), TRIAL, INSTEAD)? {
        // What the program will not continue.
        Answer::Done(text) => text.lines().skip(1).for_each(terminal::message),
        answer => return Err(control_command::other(&answer)),
    }
    let until = Instant::now() + LIMIT.1;
    loop {
        std::thread::sleep(PAUSE);
        // The socket is closed while the program is replaced.
        let found = match control_command::send(options, &Request::Status, LIMIT.0, INSTEAD) {
            Ok(Answer::Status(status)) => result(&status, begun.as_secs_f64()),
            Ok(answer) => return Err(control_command::other(&answer)),
            Err((status, why)) if status != exit::NOT_RUNNING => return Err((status, why)),
            Err(_) => None,
        };
        match found {
            Some(Ok(status)) => return Ok(status),
            Some(Err(why)) => return Err(fatal(why)),
            None if Instant::now() < until => {}
            None => return Err(fatal("no result within the time limit; see the log".to_owned())),
        }
    }
}

/// The result of an upgrade that was requested at a time; `None` if it is not complete.
fn result(status: &Status, begun: f64) -> Option<Result<Status, String>> {
    let Upgrade { at, refused, complete } = status.configuration.last_upgrade.as_ref()?;
    match refused {
        _ if *at < begun => None,
        Some(why) => Some(Err(why.clone())),
        None if *complete => Some(Ok(status.clone())),
        None => None,
    }
}
