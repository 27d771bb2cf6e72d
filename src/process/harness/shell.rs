//! A process, and what the loop lends to it: clock, timers, reactor, log, and a place for changes.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::stopping::Stopping;
use super::time::{Pace, SystemTime, Time};
use crate::config::model::Config;
use crate::notify::dump::Dump;
use crate::notify::log::Log;
use crate::notify::view::Reporter;
use crate::process::doing::Doing;
use crate::process::sessions::Listener;
use crate::reactor::{Reactor, Ready, Timers};
use crate::state::Record;
use crate::system::HasSystem;

/// What is special to a process.
///
/// The functions are called from the loop, in the order that the [module](self) tells. None of them may wait.
pub(in crate::process) trait Process: Sized + 'static {
    /// Rows and machines.
    type Machines: Reporter + HasSystem + 'static;
    /// Timers of machines and process. Of those with the same deadline the lesser is first.
    type Timer: Copy + Ord;
    /// What a replacement knows its rows by.
    type Indices: Record;
    /// Where a replacement goes on.
    type Checkpoint: Record + PartialEq;
    /// What is in the kernel, for a successor after a kill.
    type Held: Record + Default + PartialEq;

    /// How closely it keeps to time.
    const PACE: Pace;
    /// What it has in the kernel, for the log ("addresses").
    const HOLDS: &'static str;
    /// Time for the kernel to remove that after a stop.
    const STOP_LIMIT: Duration;
    /// After a change the parent is told where a replacement should go on; many changes make one checkpoint. With zero
    /// it is told before the views are.
    const CHECKPOINT_DELAY: Duration;
    /// The same for the record of what is in the kernel. With zero it is written at once.
    const HELD_DELAY: Duration;

    /// For the views.
    fn machines(&self) -> &Self::Machines;

    /// For the agent, which may set objects.
    fn machines_mut(&mut self) -> &mut Self::Machines;

    /// The rows by their identities.
    fn indices(&self) -> Self::Indices;

    /// The first look around. Then the machines start, unless it is only to `clean_up` for a predecessor: then they are
    /// told to stop next.
    fn begin(&mut self, clean_up: bool, shell: &mut Shell<Self>) -> io::Result<()>;

    /// Takes what others have sent, before any timer. `ready` are the sources that have something new.
    fn receive(&mut self, _ready: &[Ready], _shell: &mut Shell<Self>) -> io::Result<()> {
        Ok(())
    }

    /// The BFD process, or another process that follows its sessions, is there: `link` is this end of their socket pair.
    fn connect(&mut self, _listener: Listener, _link: OwnedFd, _shell: &mut Shell<Self>) -> io::Result<()> {
        Ok(())
    }

    /// A timer is due.
    fn timer(&mut self, timer: Self::Timer, now: Duration, shell: &mut Shell<Self>);

    /// The other sources, each a bounded piece. `ready` is the same as before.
    fn work(&mut self, _ready: &[Ready], _shell: &mut Shell<Self>) -> io::Result<()> {
        Ok(())
    }

    /// Carries out the actions of the machines, and gives their changes to the shell.
    fn settle(&mut self, shell: &mut Shell<Self>);

    /// Brings the kernel in line with the rows, once before the views are told; `changed` if there is something to tell.
    fn reconcile(&mut self, _changed: bool, _shell: &mut Shell<Self>) {}

    /// What may wait until all else is done, and must end when a timer is due.
    fn rest(&mut self, _shell: &mut Shell<Self>) {}

    /// When [`Process::rest`] has something to do next.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Goes on with another configuration.
    fn configure(&mut self, config: Box<Config>, shell: &mut Shell<Self>) -> io::Result<()>;

    /// The name of the dump file and its text; `None` if it has none.
    fn dump(&mut self, _what: Dump, _now: Duration) -> Option<(&'static str, String)> {
        None
    }

    /// Where a replacement should go on.
    fn checkpoint(&mut self) -> Self::Checkpoint;

    /// What is in the kernel.
    fn held(&self) -> Self::Held;

    /// Begins to remove that, and tells the machines.
    fn stop(&mut self, shell: &mut Shell<Self>);

    /// Whether the kernel has done all that was asked for.
    fn is_released(&self) -> bool;

    /// After the last turn. `released` if the kernel was done in time. Returns whether nothing is left there, or only
    /// what shall stay.
    fn end(self, released: bool, log: &Log) -> bool;
}

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
