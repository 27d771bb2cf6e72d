//! Reads `reload_time_file` in a thread, as file systems may hang.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::net::read_regular;
use crate::notify::log::Log;
use crate::reactor::{Events, Feed, Feeder, Interest, Reactor, Token, background, clock, feed};
use crate::text::reason;

/// Interval of reading the file.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time after which changed contents are read again: they count when they are complete, which they are when they stay.
const AGAIN: Duration = Duration::from_millis(100);
/// Most octets of the file.
const LONGEST: u64 = 64;
const STOP: Token = Token(0);

/// The contents of the file; `None` without a file.
pub(super) type Contents = Option<String>;

/// Starts to read the file. Its contents are sent at the start, if there are any, and at each change.
///
/// # Errors
/// When the system has no descriptors or threads left.
pub(super) fn watch(path: &Path, log: Log) -> io::Result<Feed<Contents>> {
    let (feed, feeder) = feed()?;
    let reactor = Reactor::coarse()?;
    reactor.register(feeder.waker(), STOP, Interest::READABLE)?;
    let path = path.to_owned();
    background::spawn_brief("reload-time", move || run(&path, &feeder, reactor, &log))?;
    Ok(feed)
}

fn run(path: &Path, feeder: &Feeder<Contents>, mut reactor: Reactor, log: &Log) {
    let mut events = Events::with_capacity(1);
    let (mut reported, mut last, mut trouble) = (None, None, None);
    while !feeder.is_over() {
        let found = contents(path);
        let is_changed = found != last;
        last.clone_from(&found);
        if !is_changed && found != reported {
            reported.clone_from(&found);
            feeder.send(found.clone().and_then(Result::ok));
        }
        if !is_changed
            && let Some(Err(why)) = &found
            && trouble.as_ref() != Some(why)
        {
            trouble = Some(why.clone());
            log.warning(format_args!(
                "reload_time_file: cannot read {}: {why}; no reload is scheduled",
                path.display()
            ));
        }
        let due = clock::now() + if is_changed { AGAIN } else { INTERVAL };
        while !feeder.is_over() && clock::now() < due {
            if reactor.wait(Some(due), &mut events).is_err() {
                return;
            }
        }
    }
}

/// The contents, or why they cannot be read; `None` without a file.
fn contents(path: &Path) -> Option<Result<String, String>> {
    match read_regular(path, LONGEST) {
        Ok(octets) => Some(Ok(String::from_utf8_lossy(&octets).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(reason(&error).to_string())),
    }
}

/// Removes the file, unless it has got other contents meanwhile.
pub(super) fn remove(path: PathBuf, contents: String, log: Log) {
    let of_thread = log.clone();
    let remove = move || {
        if self::contents(&path) != Some(Ok(contents)) {
            return;
        }
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != ErrorKind::NotFound
        {
            let why = reason(&error);
            of_thread.warning(format_args!("reload_time_file: cannot remove {}: {why}; remove it", path.display()));
        }
    };
    if let Err(error) = background::spawn_brief("reload-time", remove) {
        log.warning(format_args!("reload_time_file: cannot be removed: cannot start a thread: {}", reason(&error)));
    }
}
