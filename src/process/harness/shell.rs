//! What the loop lends to its process: clock, timers, reactor, log, and a place for changes.

use std::io;
use std::time::Duration;

use super::time::{Pace, SystemTime, Time};
use super::{Process, stopping::Stopping};
use crate::notify::log::Log;
use crate::notify::view::Reporter;
use crate::process::doing::Doing;
use crate::reactor::{Reactor, Ready, Timers};

/// A change as the views of a process get it.
pub(super) type ChangeOf<P> = <<P as Process>::Machines as Reporter>::Change;

/// The timers of a loop. Of those that are due at the same time the process's own come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<T> {
    Process(T),
    /// The parent is to be told where a replacement should go on.
    Checkpoint,
    /// The record of what is in the kernel is to be written.
    Held,
}

/// See the [module](self).
pub(in crate::process) struct Shell<P: Process> {
    /// Where sources are registered.
    pub(in crate::process) reactor: Reactor,
    /// The log.
    pub(in crate::process) log: Log,
    pub(super) time: Box<dyn Time>,
    /// When the last wait ended.
    turn: Duration,
    pub(super) timers: Timers<Key<P::Timer>>,
    pub(super) changes: Vec<ChangeOf<P>>,
    pub(super) stopping: Stopping,
    /// The next wait does not sleep.
    again: bool,
    /// A replacement should go on elsewhere.
    pub(super) save: bool,
    /// And that cannot wait.
    pub(super) save_at_once: bool,
    /// Something else may be in the kernel.
    pub(super) hold: bool,
}

impl<P: Process> Shell<P> {
    /// With the clock of this machine.
    pub(in crate::process) fn new(log: Log) -> io::Result<Shell<P>> {
        Shell::with(Box::new(SystemTime::new(P::PACE)), log)
    }

    pub(super) fn with(time: Box<dyn Time>, log: Log) -> io::Result<Shell<P>> {
        let reactor = P::PACE.reactor().doing("open an event loop")?;
        let turn = time.now();
        Ok(Shell {
            reactor,
            log,
            time,
            turn,
            timers: Timers::new(),
            changes: Vec::new(),
            stopping: Stopping::No,
            again: true,
            // Even when nothing ever changes, a replacement is to know that it is not the first.
            save: true,
            save_at_once: false,
            hold: false,
        })
    }

    /// The time, as the pace of the process has it.
    pub(in crate::process) fn now(&self) -> Duration {
        match P::PACE {
            Pace::Punctual => self.time.now(),
            Pace::Coarse { .. } => self.turn,
        }
    }

    /// Arms a timer, or disarms it.
    pub(in crate::process) fn set_timer(&mut self, timer: P::Timer, at: Option<Duration>) {
        match at {
            Some(at) => self.timers.set(Key::Process(timer), at),
            None => self.timers.clear(Key::Process(timer)),
        }
    }

    /// When the next timer is due.
    pub(in crate::process) fn next_timer(&self) -> Option<Duration> {
        self.timers.next_deadline()
    }

    /// Has changes told to the views.
    pub(in crate::process) fn tell(&mut self, changes: impl IntoIterator<Item = ChangeOf<P>>) {
        self.changes.extend(changes);
    }

    /// There is more to do: the next wait does not sleep.
    pub(in crate::process) fn again(&mut self) {
        self.again = true;
    }

    /// A replacement should go on elsewhere, although there is no change to tell.
    pub(in crate::process) fn save(&mut self) {
        self.save = true;
    }

    /// The same, and it is told before anything else happens.
    pub(in crate::process) fn save_at_once(&mut self) {
        self.save_at_once = true;
    }

    /// Something else may be in the kernel now, or soon.
    pub(in crate::process) fn hold(&mut self) {
        self.hold = true;
    }

    /// Whether the process has been told to stop.
    pub(in crate::process) fn is_stopping(&self) -> bool {
        self.stopping != Stopping::No
    }

    /// The wait of a turn, until `deadline` if there is nothing more to do at once.
    pub(super) fn wait(&mut self, deadline: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let at_once = std::mem::take(&mut self.again) || !self.changes.is_empty();
        let deadline = if at_once { Some(Duration::ZERO) } else { deadline };
        self.time.wait(&mut self.reactor, deadline, ready).doing("wait for events")?;
        self.turn = self.time.now();
        Ok(())
    }
}
