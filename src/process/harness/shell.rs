//! The interface between a process and the loop. The shell is the part of the loop that the process uses: clock,
//! timers, reactor, log, and the queue of changes.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::stopping::Stopping;
use super::time::{Pace, SystemTime, Time};
use crate::config::VirtualServers;
use crate::config::model::Config;
use crate::control::Command;
use crate::notify::dump::{Dump, DumpFile, Setting};
use crate::notify::log::Log;
use crate::notify::view::Reporter;
use crate::process::auto_priority::AutoPriority;
use crate::process::context::Context;
use crate::process::sessions::Listener;
use crate::reactor::{Meter, Reactor, Ready, Timers};
use crate::state::{Lasting, Record};
use crate::status::{Clock, Part};
use crate::system::{Daemon, HasSystem};

/// The part of a child that is specific to its kind.
///
/// The loop calls the functions in the order described in the [harness](super). None of them may block.
pub(in crate::process) trait Process: Sized + 'static {
    /// Rows and state machines.
    type Machines: Reporter + HasSystem + 'static;
    /// Timers of machines and process. Those with the same deadline expire in ascending order.
    type Timer: Copy + Ord;
    /// Indices of the rows, which a replacement uses again.
    type Indices: Lasting;
    /// State of the machines from which a replacement continues.
    type Checkpoint: Lasting + PartialEq;
    /// Entries that the process has added to the kernel, for a successor after a kill.
    type Held: Record + Default + PartialEq;

    /// Precision of its timers.
    const PACE: Pace;
    /// Name of its entries in the kernel, for the log ("addresses").
    const HOLDS: &'static str;
    /// Time limit for the kernel to remove them at a stop.
    const STOP_LIMIT: Duration;
    /// Delay from a change to the checkpoint, which covers all changes until then. With zero the parent is sent the
    /// checkpoint before the views show the change.
    const CHECKPOINT_DELAY: Duration;
    /// Delay from a change to the record of held state. With zero it is written at once.
    const HELD_DELAY: Duration;

    /// The machines, for the views.
    fn machines(&self) -> &Self::Machines;

    /// The machines, for the subagent, which may SET objects.
    fn machines_mut(&mut self) -> &mut Self::Machines;

    /// The indices of the rows.
    fn indices(&self) -> Self::Indices;

    /// Reads the state of the kernel and starts the machines. A process that only cleans up for a predecessor
    /// (`clean_up`) does not start them; [`Process::stop`] follows.
    fn start(&mut self, clean_up: bool, shell: &mut Shell<Self>) -> io::Result<()>;

    /// Reads packets, before any timer. `ready` are the sources that are ready.
    fn receive(&mut self, _ready: &[Ready], _shell: &mut Shell<Self>) -> io::Result<()> {
        Ok(())
    }

    /// The BFD process, or a listener to its sessions, has started: `link` is this end of the socket pair with it.
    fn connect(&mut self, _listener: Listener, _link: OwnedFd, _shell: &mut Shell<Self>) -> io::Result<()> {
        Ok(())
    }

    /// Handles a timer that is due.
    fn timer(&mut self, timer: Self::Timer, now: Duration, shell: &mut Shell<Self>);

    /// Handles the other sources, a bounded amount of each. `ready` is as for [`Process::receive`].
    fn work(&mut self, _ready: &[Ready], _shell: &mut Shell<Self>) -> io::Result<()> {
        Ok(())
    }

    /// Executes the actions of the machines, and queues their changes in the shell.
    fn settle(&mut self, shell: &mut Shell<Self>);

    /// Brings the kernel in line with the rows, before the views show the changes; `changed` if there are any.
    fn reconcile(&mut self, _changed: bool, _shell: &mut Shell<Self>) {}

    /// Does work that may wait for everything else, until a timer is due.
    fn rest(&mut self, _shell: &mut Shell<Self>) {}

    /// When [`Process::rest`] is due next.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Changes to a new configuration; its virtual servers are apart.
    fn configure(&mut self, config: Box<Config>, servers: VirtualServers, shell: &mut Shell<Self>) -> io::Result<()>;

    /// File and text of a dump; `None` if the process has no such dump.
    fn dump(&mut self, _what: Dump, _clock: Clock, _setting: &Setting) -> Option<(DumpFile, String)> {
        None
    }

    /// Carries out a command of an operator; the result says what was done.
    ///
    /// # Errors
    /// Why it cannot be done; a clause.
    fn command(&mut self, _command: Command, _shell: &mut Shell<Self>) -> Result<String, String> {
        Err("this process has no such command".to_owned())
    }

    /// Takes what the parent knows of the daemon, if it shows that.
    fn learn(&mut self, _daemon: Daemon, _shell: &mut Shell<Self>) {}

    /// Its part of the status of the daemon, if it has one.
    fn status(&self, _clock: Clock) -> Option<Part> {
        None
    }

    /// The state from which a replacement should continue.
    fn checkpoint(&mut self) -> Self::Checkpoint;

    /// As [`Process::checkpoint`], with what changes all the time. The process does nothing any more, so all of it is exact.
    fn last_checkpoint(&mut self) -> Self::Checkpoint {
        self.checkpoint()
    }

    /// Closes what only one process can have open: a replacement begins.
    fn keep_still(&mut self) {}

    /// Continues after [`Process::keep_still`]: the replacement has ended. It may have worked for a moment.
    fn resume(&mut self, _shell: &mut Shell<Self>) {}

    /// The entries that the process has in the kernel.
    fn held(&self) -> Self::Held;

    /// Stops the machines and starts to remove the entries from the kernel.
    fn stop(&mut self, shell: &mut Shell<Self>);

    /// Whether the kernel has done all requests.
    fn is_released(&self) -> bool;

    /// Called after the last turn. `released` if the kernel has done all requests in time. Returns whether no entries
    /// are left in the kernel except those that are to stay.
    fn end(self, released: bool, log: &Log) -> bool;
}

/// The changes that the views of a process show.
pub(super) type ChangeOf<P> = <<P as Process>::Machines as Reporter>::Change;

/// The timers of a loop. Of those with the same deadline the process's own expire first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<T> {
    Process(T),
    /// The parent is to be sent a checkpoint.
    Checkpoint,
    /// The record of held state is to be written.
    Held,
}

/// The part of the loop that a process uses.
pub(in crate::process) struct Shell<P: Process> {
    /// The reactor, where sources are registered.
    pub(in crate::process) reactor: Reactor,
    /// The log.
    pub(in crate::process) log: Log,
    pub(super) time: Box<dyn Time>,
    /// `max_auto_priority`.
    pub(super) auto_priority: AutoPriority,
    /// When the last wait ended.
    turn: Duration,
    pub(super) timers: Timers<Key<P::Timer>>,
    pub(super) changes: Vec<ChangeOf<P>>,
    pub(super) stopping: Stopping,
    /// More work is waiting: the next wait does not sleep.
    again: bool,
    /// The checkpoint may have changed.
    pub(super) save: bool,
    /// The checkpoint may have changed, and is to be sent without delay.
    pub(super) save_at_once: bool,
    /// The held state may have changed.
    pub(super) held_changed: bool,
    /// How late the timers are.
    pub(super) meter: Meter,
    /// Dump files to be written.
    pub(super) dumps: Vec<Dump>,
    /// The parent is to read the configuration again.
    pub(super) wants_reload: bool,
}

impl<P: Process> Shell<P> {
    /// A shell with the system's clock.
    pub(in crate::process) fn new(auto_priority: AutoPriority, log: Log) -> io::Result<Shell<P>> {
        let shell = Shell::with(Box::new(SystemTime::new(P::PACE)), log)?;
        Ok(Shell { auto_priority, ..shell })
    }

    pub(super) fn with(time: Box<dyn Time>, log: Log) -> io::Result<Shell<P>> {
        let reactor = P::PACE.reactor().context("open an event loop")?;
        let turn = time.now();
        Ok(Shell {
            reactor,
            log,
            time,
            auto_priority: AutoPriority::default(),
            turn,
            timers: Timers::new(),
            changes: Vec::new(),
            stopping: Stopping::No,
            again: true,
            // The first checkpoint is sent without a change: by it a replacement knows that it is one.
            save: true,
            save_at_once: false,
            held_changed: false,
            meter: Meter::default(),
            dumps: Vec::new(),
            wants_reload: false,
        })
    }

    /// The time: now, or at the start of the turn with [`Pace::Coarse`].
    pub(in crate::process) fn now(&self) -> Duration {
        match P::PACE {
            Pace::Punctual => self.time.now(),
            Pace::Coarse { .. } => self.turn,
        }
    }

    /// Sets a timer, or clears it (`None`).
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

    /// Queues changes for the views.
    pub(in crate::process) fn report(&mut self, changes: impl IntoIterator<Item = ChangeOf<P>>) {
        self.changes.extend(changes);
    }

    /// Requests another turn without sleep, since more work is waiting.
    pub(in crate::process) fn again(&mut self) {
        self.again = true;
    }

    /// Requests a new checkpoint, although there is no change for the views.
    pub(in crate::process) fn save(&mut self) {
        self.save = true;
    }

    /// As [`Shell::save`], without [`Process::CHECKPOINT_DELAY`].
    pub(in crate::process) fn save_at_once(&mut self) {
        self.save_at_once = true;
    }

    /// Requests a new record of held state.
    pub(in crate::process) fn held_changed(&mut self) {
        self.held_changed = true;
    }

    /// Requests a dump file.
    pub(in crate::process) fn dump(&mut self, what: Dump) {
        self.dumps.push(what);
    }

    /// Requests that the parent reads the configuration again.
    pub(in crate::process) fn want_reload(&mut self) {
        self.wants_reload = true;
    }

    /// Whether the process is stopping.
    pub(in crate::process) fn is_stopping(&self) -> bool {
        self.stopping != Stopping::No
    }

    /// When the last wait ended.
    pub(super) fn turn(&self) -> Duration {
        self.turn
    }

    /// Waits for events until `deadline`; does not sleep if more work is waiting, and returns whether it is.
    pub(super) fn wait(&mut self, deadline: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<bool> {
        let at_once = std::mem::take(&mut self.again) || !self.changes.is_empty();
        let deadline = if at_once { Some(Duration::ZERO) } else { deadline.map(|at| P::PACE.align(at)) };
        self.time.wait(&mut self.reactor, deadline, ready).context("wait for events")?;
        self.turn = self.time.now();
        Ok(at_once)
    }
}
