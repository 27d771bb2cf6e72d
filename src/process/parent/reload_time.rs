//! The file of `reload_time_file`, and the reload that it schedules.

use std::path::PathBuf;

use super::schedule::Schedule;
use super::time_file::{self, Contents};
use crate::config::model::Reloads;
use crate::notify::log::Log;
use crate::reactor::{Feed, Interest, Reactor, Token};
use crate::text::reason;

/// The file of `reload_time_file`, and its time.
pub(super) struct ReloadTime {
    pub(super) path: PathBuf,
    pub(super) repeat: bool,
    pub(super) feed: Feed<Contents>,
    pub(super) contents: Contents,
    pub(super) schedule: Schedule,
}

impl ReloadTime {
    /// Follows a configuration; the thread wakes the loop under `token`.
    pub(super) fn follow(
        current: &mut Option<ReloadTime>,
        settings: &Reloads,
        (reactor, token): (&Reactor, Token),
        log: &Log,
    ) {
        let path = settings.reload_time_file.as_ref().map(PathBuf::from);
        if let Some(known) = current.as_mut().filter(|known| Some(&known.path) == path.as_ref()) {
            known.repeat = settings.reload_repeat;
            return;
        }
        if let Some(old) = current.take() {
            // The kernel removes a closed descriptor anyway.
            let _ = reactor.deregister(&old.feed);
        }
        let Some(path) = path else { return };
        let watched = time_file::watch(&path, log.clone()).and_then(|feed| {
            reactor.register(&feed, token, Interest::READABLE)?;
            Ok(feed)
        });
        match watched {
            Ok(feed) => {
                let (repeat, contents, schedule) = (settings.reload_repeat, None, Schedule::default());
                *current = Some(ReloadTime { path, repeat, feed, contents, schedule });
            }
            Err(error) => log.error(format_args!("reload_time_file is not read: {}", reason(&error))),
        }
    }
}
