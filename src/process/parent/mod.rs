//! The parent process: starts the children, watches them, and forwards reloads, dumps and stops.

mod adoption;
mod annals;
mod child_process;
mod children;
mod commands;
mod control;
mod fifos;
mod fixed;
mod made_fifos;
mod pending;
mod reading;
mod reload;
mod reload_time;
mod replacement;
mod running;
mod saved;
mod saves;
mod schedule;
mod scheduled;
mod script;
mod scripts;
mod serving;
mod sign;
mod status;
mod stop;
mod telling;
mod time_file;
mod upgrade;
mod upgrading;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use super::cli::{self, Options};
use super::context::Context;
use super::dump;
use super::exit;
use super::handover::Handover;
use super::ipc::{Message, SavedState};
use super::names::Names;
use super::pidfile::Locked;
use super::privileges::Needed;
use super::record_file::Place;
use super::role::Role;
use super::systemd::{Stage, Systemd};
use crate::config::model::{Dumps, Global};
use crate::config::{Shown, Snapshot};
use crate::control::Server;
use crate::notify::dump::{self as dumps, Dump, DumpFile, Setting, Writer};
use crate::notify::log::{Level, Log};
use crate::reactor::{Caught, Events, Interest, Reactor, Signal, Signals, Timers, Token, Waker, clock};
use crate::system::News;
use crate::text::counted;

use annals::{Annals, Gathering};
use fifos::FifoKeeper;
pub(super) use fifos::OpenFifo;
pub(super) use fixed::Fixed;
use pending::Pending;
use reading::Reading;
use reload_time::ReloadTime;
use running::Running;
use saves::Saves;
use scripts::RunningScript;
pub(super) use scripts::Scripts;
pub(super) use serving::serving;
use upgrading::Upgrading;
use waiting::Waiting;

const SIGNALS: Token = Token(0);
/// The reload thread has read a configuration.
const READING: Token = Token(1);
/// Requests through the control socket.
const CONTROL: Token = Token(2);
/// `reload_time_file` has changed.
const RELOAD_TIME: Token = Token(3);
/// First token of the children's channels; each start uses the next.
const FIRST_CHILD: Token = Token(16);

/// Time to remove the FIFOs and to end the programs that read them.
const FIFOS_LIMIT: Duration = Duration::from_secs(5);

/// Configuration of the parent.
pub(super) struct Plan {
    /// The command line.
    pub(super) options: Options,
    /// Directory of relative paths in the configuration, if it is not the working directory.
    pub(super) directory: Option<PathBuf>,
    /// The configuration for the children.
    pub(super) snapshot: Snapshot,
    /// The configuration as text, with secrets masked.
    pub(super) shown: Shown,
    /// Names of the dump files.
    pub(super) dumps: Dumps,
    /// `reload_file`, with its usual place filled in.
    pub(super) reload_file: Option<PathBuf>,
    /// `child_wait_time`.
    pub(super) child_wait: Duration,
    /// Names of the processes and their files.
    pub(super) names: Names,
    /// The children to run.
    pub(super) roles: Vec<Role>,
    /// Settings that a reload cannot change.
    pub(super) fixed: Fixed,
    /// Faults of the running configuration.
    pub(super) faults: BTreeSet<String>,
    /// Capabilities that it needs in each child.
    pub(super) needed: Needed,
    /// Its scripts for start and stop.
    pub(super) scripts: Scripts,
    /// Number of its VRRP instances.
    pub(super) instances: usize,
    /// The locked pid file, for the new program of an upgrade.
    pub(super) pid_file: Option<Locked>,
    /// The pattern of core files before, and of the daemon.
    pub(super) core_pattern: Option<(String, String)>,
    /// The children that have a session with the SNMP agent, if they run.
    pub(super) serving: Vec<Role>,
}

impl Plan {
    /// Location of the record of FIFOs.
    fn fifo_record(&self) -> Place {
        made_fifos::place(&self.names.pid_file("keepalived", self.options.pid_file.as_ref()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Hello(Role),
    /// A child lacks capabilities that the configuration needs.
    Replace(Role),
    /// A standby has not prepared in time.
    Standby(Role),
    Restart(Role),
    Kill(Role),
    /// A child that does not hand over to its standby is killed.
    Retire(Role),
    /// A replacement that does not begin is killed.
    Begin(Role),
    /// A child that was killed at the stop has not exited.
    GiveUp(Role),
    /// A script for start or stop has run too long.
    Script,
    /// Reading the configuration takes long.
    SlowReload,
    /// The time in `reload_time_file` has come.
    ReloadTime,
    /// Clients wait for a reload.
    Reload,
    /// A client has waited long for the end of a reload.
    Control,
    /// The result of a command is late.
    Commands,
    /// The parts of the status are late.
    Status,
    /// The next step of an upgrade.
    Upgrade,
    /// The next keep-alive to systemd.
    Watchdog,
}

/// The step that is complete once all children are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Startup,
    Reload,
    /// The replacement of the children by those of a new program.
    Upgrade,
    /// A reload that was refused or has not been read yet.
    Refusal,
}

/// The parent process.
pub(super) struct Parent {
    plan: Plan,
    log: Log,
    dumps: Writer,
    /// What the dump depends on besides the configuration.
    setting: Setting,
    systemd: Systemd,
    reactor: Reactor,
    signals: Signals,
    timers: Timers<Key>,
    children: Vec<Running>,
    /// Processes that wait to replace children.
    standbys: Vec<Running>,
    /// Number of consecutive early exits of each child.
    deaths: Vec<(Role, u32)>,
    /// Roles whose last process was killed.
    killed: Vec<Role>,
    /// State from which a replacement of each child continues.
    saved: BTreeMap<Role, SavedState>,
    next_token: Token,
    reading: Option<Reading>,
    /// `reload_time_file`.
    reload_time: Option<ReloadTime>,
    /// Copies of the configuration.
    saves: Saves,
    /// When the configuration was last begun to be read.
    read_at: Duration,
    /// Wakes the loop when a configuration has been read.
    waker: Waker,
    /// The step that is complete once all children run with the configuration in force; `None` once that was reported.
    awaited: Option<Awaited>,
    /// Why the last reload was refused.
    refusal: Option<String>,
    /// The control socket, if there is one.
    control: Option<Server>,
    /// Its clients that wait for the end of a reload.
    waiting: Waiting,
    fifos: Option<FifoKeeper>,
    /// The script for start or stop that is running.
    script: Option<RunningScript>,
    /// The script for the stop was started.
    shutdown_script_run: bool,
    annals: Annals,
    /// News for the child that sends notifications, until it can be told.
    untold: Vec<News>,
    /// Commands of clients whose results are awaited.
    pending: Vec<Pending>,
    /// Number of the last command.
    commands: u32,
    /// The status that is being put together for clients.
    gathering: Option<Gathering>,
    /// Number of the last such status.
    gathered: u32,
    upgrading: Option<Upgrading>,
    stopping: bool,
    /// Exit status. Once set, the parent exits when no child is left.
    status: Option<u8>,
}

impl Parent {
    pub(super) fn new(
        plan: Plan,
        global: &Global,
        log: Log,
        signals: Signals,
        control: Option<Server>,
        fifos_held: Vec<OpenFifo>,
    ) -> io::Result<Parent> {
        let reactor = Reactor::new().context("open an event loop")?;
        reactor.register(&signals, SIGNALS, Interest::READABLE).context("watch signals")?;
        let waker = Waker::new().context("open an event descriptor")?;
        reactor.register(&waker, READING, Interest::READABLE).context("watch the thread of reloads")?;
        if let Some(control) = &control {
            reactor.register(control, CONTROL, Interest::READABLE).context("watch the control socket")?;
        }
        let deaths = plan.roles.iter().map(|role| (*role, 0)).collect();
        let fifos = FifoKeeper::begin(global, fifos_held, plan.fifo_record(), &log);
        let mut reload_time = None;
        ReloadTime::follow(&mut reload_time, &global.reloads, (&reactor, RELOAD_TIME), &log);
        let setting = dump::setting(&plan.options, &plan.names);
        Ok(Parent {
            plan,
            setting,
            dumps: Writer::start(log.clone()).context("start the thread of dump files")?,
            systemd: Systemd::start(log.clone()).context("start the thread that notifies systemd")?,
            log,
            reactor,
            signals,
            timers: Timers::new(),
            children: Vec::new(),
            standbys: Vec::new(),
            deaths,
            killed: Vec::new(),
            saved: BTreeMap::new(),
            next_token: FIRST_CHILD,
            reading: None,
            reload_time,
            saves: Saves::default(),
            read_at: Duration::ZERO,
            waker,
            awaited: Some(Awaited::Startup),
            refusal: None,
            control,
            waiting: Waiting::default(),
            fifos,
            script: None,
            shutdown_script_run: false,
            annals: Annals::begin(),
            untold: Vec::new(),
            pending: Vec::new(),
            commands: 0,
            gathering: None,
            gathered: 0,
            upgrading: None,
            stopping: false,
            status: None,
        })
    }

    /// Runs until a stop, or until a child fails permanently; returns the exit status.
    /// With the state of the former program of this process it continues that.
    pub(super) fn watch(mut self, former: Option<(Handover, Vec<OwnedFd>)>) -> io::Result<u8> {
        match former {
            Some((state, channels)) => self.adopt(state, channels),
            None => self.begin(),
        }
        self.watchdog();
        self.save_first_configuration();
        let mut events = Events::with_capacity(16);
        loop {
            if let Some(status) = self.status
                && self.may_exit()
            {
                self.end_control();
                if let Some(fifos) = self.fifos.take() {
                    fifos.finish(FIFOS_LIMIT);
                }
                return Ok(status);
            }
            self.reactor.wait(self.timers.next_deadline(), &mut events).context("wait for events")?;
            for ready in events.iter() {
                match ready.token {
                    SIGNALS => self.read_signals().context("read signals")?,
                    READING => self.reading_turn(),
                    CONTROL => self.control_turn(),
                    RELOAD_TIME => self.reload_time_read(),
                    token => self.child_turn(token),
                }
            }
            let now = clock::now();
            if let Some(due) = self.timers.next_deadline().filter(|due| *due <= now) {
                self.annals.meter.record(now.saturating_sub(due), now);
            }
            while let Some(key) = self.timers.pop_due(clock::now()) {
                match key {
                    Key::Hello(role) => self.hello(role),
                    Key::Replace(role) => self.start_standby(role),
                    Key::Standby(role) => self.standby_is_late(role),
                    Key::Restart(role) => self.start_child(role),
                    Key::Kill(role) => self.kill_at_stop(role),
                    Key::Retire(role) => self.not_retired(role),
                    Key::Begin(role) => self.replacement_is_late(role),
                    Key::GiveUp(role) => self.give_up(role),
                    Key::SlowReload => self.reload_is_slow(),
                    Key::ReloadTime => self.reload_time_due(),
                    Key::Reload => self.reload_for_clients(),
                    Key::Control => self.reload_is_late(),
                    Key::Script => self.script_is_late(),
                    Key::Commands => self.commands_are_late(),
                    Key::Status => self.end_gathering(true),
                    Key::Upgrade => self.upgrade_due(),
                    Key::Watchdog => self.watchdog(),
                }
            }
        }
    }

    /// Reports once to the log and to systemd that all children run with the configuration in force.
    fn report_ready(&mut self) {
        let runs = |role: &Role| self.children.iter().any(|child| child.role == *role && child.is_ready());
        if self.stopping || !self.plan.roles.iter().all(runs) {
            return;
        }
        self.answer_applied();
        if self.reading.is_some() {
            return;
        }
        let Some(awaited) = self.awaited.take() else { return };
        match awaited {
            Awaited::Startup => self.log.write(Level::Notice, "Startup complete"),
            Awaited::Upgrade => self.log.write(Level::Notice, "Upgrade complete"),
            Awaited::Reload => self.log.write(Level::Notice, "Reload complete"),
            // The reason is in the log.
            Awaited::Refusal => {}
        }
        self.systemd.notify(Stage::Ready(self.summary()));
    }

    /// A line for `systemctl status`.
    fn summary(&self) -> String {
        let roles: Vec<&str> = self.plan.roles.iter().map(|role| role.name()).collect();
        let running = format!("{}; processes: {}", counted(self.plan.instances, "VRRP instance"), roles.join(", "));
        match &self.refusal {
            Some(why) => format!("Last reload refused: {why}. Running: {running}"),
            None => format!("Running: {running}"),
        }
    }

    /// Sends a keep-alive to systemd, if `WatchdogSec` is set, and the next after half of that time.
    fn watchdog(&mut self) {
        if let Some(limit) = self.systemd.watchdog() {
            self.systemd.notify(Stage::Alive);
            self.timers.set(Key::Watchdog, clock::now() + limit / 2);
        }
    }

    fn read_signals(&mut self) -> io::Result<()> {
        for signal in self.signals.read()? {
            match signal {
                Caught::Named(Signal::SIGCHLD) => self.reap(),
                Caught::Named(Signal::SIGTERM | Signal::SIGINT) => self.stop(exit::OK),
                Caught::Named(Signal::SIGHUP) => self.reload(),
                signal => match dump::requested_by(signal) {
                    Some(what) => self.dump(what),
                    None => self.log.warning(format_args!("{} has no effect", cli::signal_name(signal))),
                },
            }
        }
        Ok(())
    }

    /// Writes the parent's dump, which has data only, and has the children write theirs.
    fn dump(&mut self, what: Dump) {
        if what == Dump::Data {
            let now = clock::now();
            let children = self.children.iter().map(|child| dumps::parent::Child {
                name: child.role.name(),
                pid: child.process.id(),
                age: now.saturating_sub(child.since).as_secs(),
            });
            // The snapshot was made by this process, so it can be read.
            let config = self.plan.snapshot.clone().open().ok().map(|(config, _)| config);
            let global = config.as_ref().map(|config| &config.global);
            let next = self.reload_time.as_ref().map(|timed| timed.schedule.next());
            let next = next.map(|next| next.map(|at| at.to_string()));
            let setting = Setting { next_reload: next, ..self.setting.clone() };
            let text = dumps::parent::data(global, &setting, children, &self.plan.shown);
            let path = DumpFile::Parent.path(&self.plan.dumps, &self.plan.names.daemon());
            self.dumps.write(path, text);
        }
        for child in &mut self.children {
            // A child that has exited has no dump.
            let _ = child.channel.send(&Message::Dump(what));
        }
    }
}
