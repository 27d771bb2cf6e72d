//! Reloads at the time in `reload_time_file`.

use std::time::{Duration, SystemTime};

use super::schedule::Due;
use super::{Key, Parent, time_file};
use crate::notify::log::Level;
use crate::reactor::clock;

/// The system clock may be set: the time until a reload is computed again at least this often.
const LOOK: Duration = Duration::from_secs(30);

impl Parent {
    /// Takes changes of the file.
    pub(super) fn reload_time_read(&mut self) {
        let Some(timed) = &mut self.reload_time else { return };
        let mut all = Vec::new();
        timed.feed.events(&mut all);
        for contents in all {
            let line = timed.schedule.read(contents.as_deref(), SystemTime::now());
            timed.contents = contents;
            if let Some((is_warning, line)) = line {
                self.log.write(if is_warning { Level::Warning } else { Level::Notice }, line);
            }
        }
        self.await_reload_time();
    }

    /// Sets the timer of the next scheduled reload.
    pub(super) fn await_reload_time(&mut self) {
        let wait = self.reload_time.as_ref().and_then(|timed| timed.schedule.wait(SystemTime::now()));
        match wait {
            Some(wait) => self.timers.set(Key::ReloadTime, clock::now() + wait.min(LOOK)),
            None => self.timers.clear(Key::ReloadTime),
        }
    }

    /// Reloads if the time has come.
    pub(super) fn reload_time_due(&mut self) {
        let due = self.reload_time.as_mut().and_then(|timed| timed.schedule.due(SystemTime::now(), timed.repeat));
        match (due, &mut self.reload_time) {
            (Some(Due::Done), Some(timed)) => {
                if let Some(contents) = timed.contents.take() {
                    time_file::remove(timed.path.clone(), contents, self.log.clone());
                }
            }
            (Some(Due::Again(at)), _) => self.log.write(Level::Notice, format_args!("Scheduling reload for {at}")),
            _ => {}
        }
        if due.is_some() {
            self.reload();
        }
        self.await_reload_time();
    }
}
