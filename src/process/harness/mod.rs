//! What all children have in common: one loop, and around it orders of the parent, the AgentX session, the views, the
//! checkpoint, the record of what is held, and the stop.
//!
//! A child is a [`Process`]: its machines, its sources of events, and what becomes of the machines' actions. A turn of
//! the [`Harness`] that runs it:
//!
//! ```text
//! wait            until a source is ready or something is due
//! receive         what others have sent: the process looks at its sockets
//! timers          those that are due, at most as many as the pace allows
//! settle          the machines' actions are carried out
//! orders          of the parent: stop, reload, dump
//! work            the other sources, each a bounded piece
//! settle
//! checkpoint      a replacement knows of a change before anyone is told
//! reconcile       the kernel is brought in line
//! views           log, scripts, mail, notifications
//! rest            what may wait
//! agent           a few requests of the AgentX master
//! stopping        the next step of the stop, if it can be taken
//! ```
//!
//! Packets come before timers: a process that was held up must hear what waits before it takes a silence for one.

mod agent;
mod beginning;
mod orders;
mod shell;
mod stopping;
#[cfg(test)]
mod tests;
mod time;
mod turn;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::thread::CapabilitySet;

use super::cli::Options;
use crate::config::model::Config;
use crate::notify::dump::Dump;
use crate::notify::log::Log;
use crate::notify::view::Reporter;
use crate::reactor::{Ready, Token};
use crate::state::Record;
use crate::system::HasSystem;

pub(super) use agent::Service;
pub(super) use beginning::Beginning;
pub(super) use shell::Shell;
pub(super) use stopping::CLEAN_UP_LIMIT;
pub(super) use time::Pace;
pub(super) use turn::{Harness, Parts};
pub(super) use watch::Watch;

/// Token of the orders.
const ORDERS: Token = Token(0);
/// The agent counts on from here, one for each socket it opens.
const AGENT: Token = Token(1000);

/// The token of a process's own source: 0 is its first, and so on, up to 900.
pub(super) const fn token(source: usize) -> Token {
    Token(ORDERS.0 + 1 + source)
}

/// A kind of child, as the parent and the command line know it.
pub(super) struct Kind {
    /// Value of the internal option by which a child knows what it is.
    pub(super) word: &'static str,
    /// What log lines call the process.
    pub(super) name: &'static str,
    /// Ident of its log lines, before namespace and instance.
    pub(super) ident: &'static str,
    /// Name of the process, as `ps` shows it.
    pub(super) process_name: &'static std::ffi::CStr,
    /// The capabilities that it may need with any configuration.
    pub(super) capabilities: CapabilitySet,
    /// Name of its pid file, without directory and ending.
    pub(super) pid_file: &'static str,
    /// Its pid file, as the command line gives it.
    pub(super) given_pid_file: fn(&Options) -> Option<&PathBuf>,
    /// Whether the configuration has something for it.
    pub(super) configured: fn(&Config) -> bool,
    /// Whether the command line lets it run (`-P`, `-C`).
    pub(super) allowed: fn(&Options) -> bool,
    /// What the last process with this pid file has left in the kernel, in words.
    pub(super) left: fn(&Path, &Log) -> Vec<String>,
    /// Runs the process until it is told to stop.
    pub(super) run: fn(Beginning<'_>) -> io::Result<()>,
}

/// What is special to a process.
///
/// The functions are called from the loop, in the order that the [module](self) tells. None of them may wait.
pub(super) trait Process: Sized + 'static {
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
