//! The parent: starts the children, watches them, passes signals on.

mod children;
mod fixed;
mod reading;
mod reload;
mod running;
mod stop;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::time::Duration;

use super::cli::{self, Options};
use super::dump;
use super::exit;
use super::ipc::{Message, Told};
use super::names::Names;
use super::role::Role;
use super::systemd::{Stage, Systemd};
use crate::config::{Shown, Snapshot};
use crate::notify::dump::{Dump, Writer};
use crate::notify::log::{Level, Log};
use crate::reactor::{Caught, Events, Interest, Reactor, Signal, Signals, Timers, Token, Waker, clock};

pub(super) use fixed::Fixed;
use reading::Reading;
use running::Running;

const SIGNALS: Token = Token(0);
/// A configuration has been read.
const READING: Token = Token(1);
/// Children's channels count on from here, one for each start.
const FIRST_CHILD: Token = Token(16);

/// Name of the dump file.
const DATA: &str = "keepalived_parent.data";

/// What the parent is to do.
pub(super) struct Plan {
    /// The command line, for the children.
    pub(super) arguments: Vec<OsString>,
    /// The command line, as read.
    pub(super) options: Options,
    /// The configuration for the children.
    pub(super) snapshot: Snapshot,
    /// The same as it may be shown.
    pub(super) shown: Shown,
    /// `child_wait_time`.
    pub(super) child_wait: Duration,
    /// What the processes and their files are called.
    pub(super) names: Names,
    /// The children to run.
    pub(super) roles: Vec<Role>,
    /// What a reload cannot change.
    pub(super) fixed: Fixed,
    /// The faults of the configuration that runs.
    pub(super) faults: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Hello(Role),
    Restart(Role),
    Kill(Role),
    /// A child that was killed at the stop has not ended.
    GiveUp(Role),
    /// A reload takes long.
    SlowReload,
    /// systemd is to hear that this loop turns.
    Watchdog,
}

/// What the children's reports complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Startup,
    Reload,
    /// A reload that was refused, or is not decided yet.
    Refusal,
}

/// The watchdog.
pub(super) struct Parent {
    plan: Plan,
    log: Log,
    dumps: Writer,
    systemd: Systemd,
    reactor: Reactor,
    signals: Signals,
    timers: Timers<Key>,
    children: Vec<Running>,
    /// How often in a row each child has died young.
    deaths: Vec<(Role, u32)>,
    /// Roles whose last process was killed.
    killed: Vec<Role>,
    /// Where a replacement is to go on.
    told: BTreeMap<Role, Told>,
    next_token: Token,
    reading: Option<Reading>,
    /// Wakes the loop when a configuration has been read.
    waker: Waker,
    /// What is complete once all children run with the configuration in force; `None` when that was told.
    awaited: Option<Awaited>,
    stopping: bool,
    /// Set when it is time to end, once no child is left.
    status: Option<u8>,
}

impl Parent {
    pub(super) fn new(plan: Plan, log: Log, signals: Signals) -> io::Result<Parent> {
        let reactor = Reactor::new()?;
        reactor.register(&signals, SIGNALS, Interest::READABLE)?;
        let waker = Waker::new()?;
        reactor.register(&waker, READING, Interest::READABLE)?;
        let deaths = plan.roles.iter().map(|role| (*role, 0)).collect();
        Ok(Parent {
            plan,
            dumps: Writer::start(log.clone())?,
            systemd: Systemd::start(log.clone())?,
            log,
            reactor,
            signals,
            timers: Timers::new(),
            children: Vec::new(),
            deaths,
            killed: Vec::new(),
            told: BTreeMap::new(),
            next_token: FIRST_CHILD,
            reading: None,
            waker,
            awaited: Some(Awaited::Startup),
            stopping: false,
            status: None,
        })
    }

    /// Runs until told to stop, or until a child cannot go on; the result is the exit status.
    pub(super) fn watch(mut self) -> io::Result<u8> {
        for role in self.plan.roles.clone() {
            self.start_child(role);
        }
        self.tell_ready();
        self.watchdog();
        let mut events = Events::with_capacity(16);
        loop {
            if let Some(status) = self.status.filter(|_| self.children.is_empty()) {
                return Ok(status);
            }
            self.reactor.wait(self.timers.next_deadline(), &mut events)?;
            for ready in events.iter() {
                match ready.token {
                    SIGNALS => self.read_signals()?,
                    READING => self.reading_turn(),
                    token => self.child_turn(token),
                }
            }
            while let Some(key) = self.timers.pop_due(clock::now()) {
                match key {
                    Key::Hello(role) => self.hello(role),
                    Key::Restart(role) => self.start_child(role),
                    Key::Kill(role) => self.kill_at_stop(role),
                    Key::GiveUp(role) => self.give_up(role),
                    Key::SlowReload => self.reload_is_slow(),
                    Key::Watchdog => self.watchdog(),
                }
            }
        }
    }

    /// Tells log and systemd, once, when all children run with the configuration in force.
    fn tell_ready(&mut self) {
        let runs = |role: &Role| self.children.iter().any(|child| child.role == *role && child.ready);
        if self.reading.is_some() || self.stopping || !self.plan.roles.iter().all(runs) {
            return;
        }
        let Some(awaited) = self.awaited.take() else { return };
        match awaited {
            Awaited::Startup => self.log.write(Level::Notice, "Startup complete"),
            Awaited::Reload => self.log.write(Level::Notice, "Reload complete"),
            // The log says why.
            Awaited::Refusal => {}
        }
        self.systemd.tell(Stage::Ready);
    }

    /// Tells systemd that the loop turns, if it wants to hear that, and again after half of the time that it waits.
    fn watchdog(&mut self) {
        if let Some(limit) = self.systemd.watchdog() {
            self.systemd.tell(Stage::Alive);
            self.timers.set(Key::Watchdog, clock::now() + limit / 2);
        }
    }

    fn read_signals(&mut self) -> io::Result<()> {
        for signal in self.signals.read()? {
            match signal {
                Caught::Named(Signal::SIGCHLD) => self.reap(),
                Caught::Named(Signal::SIGTERM | Signal::SIGINT) => self.stop(exit::OK),
                Caught::Named(Signal::SIGHUP) => self.reload(),
                signal => match dump::asked_by(signal) {
                    Some(what) => self.dump(what),
                    None => self.log.warning(format_args!("{signal:?} is not acted on yet")),
                },
            }
        }
        Ok(())
    }

    /// Passes on to the children what they have to dump; the parent has data only.
    fn dump(&mut self, what: Dump) {
        if what == Dump::Data {
            let now = clock::now();
            let children = self.children.iter().map(|child| {
                let (name, pid, age) = (child.role.name(), child.process.id(), now.saturating_sub(child.since));
                format!("Child process {name}: pid {pid}, {} s old\n", age.as_secs())
            });
            let text: String = children.collect();
            let shown = &self.plan.shown;
            self.dumps.write(DATA, format!("{}\n{text}\n{shown}", cli::version_text()));
        }
        for child in &mut self.children {
            // One that is gone has nothing to dump.
            let _ = child.channel.send(&Message::Dump(what));
        }
    }
}
