//! The checker process: what is special to it. The loop is that of the [harness](super::harness).
//!
//! A turn: sockets, scripts and files feed the machines, then timers; then IPVS is brought in line.

mod actions;
mod checkpoint;
mod host;
mod ipvs;
mod services;
mod statistics;
mod tls;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use snmp::MibError;

use super::cli;
use super::doing::Doing;
use super::harness::{Beginning, Harness, Kind, Pace, Parts, Process, Service, Shell, Watch, token};
use super::held;
use super::sessions::{Hearer, Listener};
use super::sync_daemon::SyncDaemon;
use super::treatment::{self, Treatment};
use crate::check::{self, Check, Event, Tables, TimerKey};
use crate::config::model::{Config, FlushOnStop};
use crate::kernel::capabilities;
use crate::kernel::ipvs::SyncRole;
use crate::mib;
use crate::net::{Children, Connections, FileEvent, InitFiles, Loading, Searches, watch_files};
use crate::notify::dump::{self, Dump};
use crate::notify::log::Log;
use crate::notify::mail::Mailer;
use crate::notify::scripts::{Origin, Runners};
use crate::reactor::{Feed, Interest, Ready, Token};

use checkpoint::{Checkpoint, Held};
use host::HostAddresses;
use ipvs::Ipvs;

const MONITOR: Token = token(0);
const IPVS: Token = token(1);
const CHILDREN: Token = token(2);
const FILES: Token = token(3);
const SYNC: Token = token(4);
const SEARCHES: Token = token(5);
const TLS: Token = token(6);
const SESSIONS: Token = token(7);

/// Priority of the registrations: the VRRP process answers for the global branch while it is there.
const GLOBAL_PRIORITY: u8 = 128;
const PRIORITY: u8 = 127;
/// Timers of a turn. Each begins a check at most, which leaves some events: so many that a turn hears all of them. With
/// more checks than the processor can do, checks come late; connections that stand are heard of before their time is
/// over.
const TIMERS_A_TURN: usize = 64;
/// What fails when files of FILE_CHECK cannot be watched.
const WATCH_FILES: &str = "watch the files of track_file";

/// The checker process, as the parent knows it.
pub(super) const KIND: Kind = Kind {
    word: "checkers",
    name: "checker",
    ident: "Keepalived_healthcheckers",
    process_name: c"keepalived_ipvs",
    capabilities: capabilities::CHECKERS,
    pid_file: "checkers",
    given_pid_file: |options| options.checkers_pid_file.as_ref(),
    configured: |config| config.has_virtual_servers,
    allowed: |options| options.check_only || !options.vrrp_only,
    left: held::left::<Held>,
    run,
};

/// The timers of the process: those of the machines, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Machine(TimerKey),
    Refresh,
    /// A BFD session goes down because its process is away.
    Sessions,
    /// The context of `SSL_GET` should be there.
    Tls,
}

type Loop = Shell<CheckerProcess>;

struct CheckerProcess {
    check: Check,
    watch: Watch,
    addresses: HostAddresses,
    ipvs: Ipvs,
    connections: Connections,
    /// The context of `SSL_GET` that is on its way.
    loading: Option<Loading>,
    children: Children,
    files: Feed<FileEvent>,
    searches: Searches,
    /// What the BFD process tells.
    sessions: Hearer,
    /// `lvs_sync_daemon` that follows no instance.
    sync_daemon: SyncDaemon,
    /// `-I`.
    keep_services: bool,
    /// `lvs_flush_on_stop` without VS.
    flush_on_stop: bool,
    /// When it was last told that checks wait for want of descriptors or memory.
    told_lack: Option<Duration>,
}

fn service() -> Result<Service<Check>, MibError> {
    let [global, check] = mib::check_subtrees();
    let subtrees = vec![(global, GLOBAL_PRIORITY), (check, PRIORITY)];
    Ok(Service { mib: mib::check_mib()?, subtrees, description: "Keepalived healthcheckers", trap: mib::check_trap })
}

fn run(beginning: Beginning<'_>) -> io::Result<()> {
    let agent = beginning.agent(beginning.config.global.snmp_checker, service)?;
    let (indices, checkpoint) = beginning.predecessor::<CheckerProcess>();
    let Beginning { options, config, servers, told, clean_up, pid_file, channel, signals, log } = beginning;
    let (held, found) = held::start(&pid_file, log.clone())?;
    let (nice, rt_priority, no_swap) = (config.lvs.nice, config.lvs.rt_priority, config.lvs.no_swap);
    // Connections live on when a process is replaced: only the first one of a daemon flushes.
    let flush = config.global.lvs_flush && told.checkpoint.is_none();
    let init_files = match told.checkpoint {
        _ if clean_up => InitFiles::Never,
        None => InitFiles::AsWritten,
        Some(_) => InitFiles::IfMissing,
    };
    let flush_on_stop = config.global.lvs_flush_on_stop == FlushOnStop::All;
    // Only spreads the first checks over their warm-up.
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let tables = Tables::numbered(config, servers, cli::version_text(), indices).map_err(io::Error::other)?;
    treatment::apply(Treatment { nice, rt_priority, no_swap, descriptors: descriptors(&tables) }, &log);
    let mut check = Check::new(tables, seed);
    check.resume(&checkpoint.verdicts);

    let shell = Shell::new(log.clone())?;
    let reactor = &shell.reactor;
    let watch = Watch::start(reactor, MONITOR)?;
    let lvs = &check.tables().lvs;
    let ipvs = Ipvs::start(flush, lvs.timeouts, checkpoint.timeouts, found).doing("open a socket for IPVS")?;
    reactor.register(&ipvs, IPVS, Interest::READABLE)?;
    let children = Children::start().doing("start the thread of programs")?;
    reactor.register(&children, CHILDREN, Interest::READABLE)?;
    let files = watch_files(&lvs.track_files, init_files).doing(WATCH_FILES)?;
    reactor.register(&files, FILES, Interest::READABLE)?;
    let searches = Searches::new().doing("start the threads of searches")?;
    reactor.register(&searches, SEARCHES, Interest::READABLE)?;
    let scripts = Runners::start(&[Origin::Transitions], &log)?;
    let mailer = Mailer::start(check.tables().system.global.as_ref(), log);
    let process = CheckerProcess {
        check,
        watch,
        addresses: HostAddresses::default(),
        ipvs,
        connections: Connections::new(None),
        loading: None,
        children,
        files,
        searches,
        sessions: Hearer::new(SESSIONS),
        sync_daemon: SyncDaemon::new(SYNC),
        keep_services: options.dont_release_ipvs,
        flush_on_stop,
        told_lack: None,
    };
    let views = vec![Box::new(scripts) as _, Box::new(mailer) as _];
    Harness::new(Parts { process, shell, signals, channel, agent, views, held: Some(held), clean_up })?.run()
}

/// Descriptors that the checks may take: a connection each.
fn descriptors(tables: &Tables) -> usize {
    tables.checkers.len()
}

impl Process for CheckerProcess {
    type Machines = Check;
    type Timer = Timer;
    type Indices = check::Indices;
    type Checkpoint = Checkpoint;
    type Held = Held;

    const PACE: Pace = Pace::Coarse { timers: TIMERS_A_TURN };
    const HOLDS: &'static str = "IPVS services";
    const STOP_LIMIT: Duration = Duration::from_secs(3);
    const CHECKPOINT_DELAY: Duration = Duration::from_millis(500);
    const HELD_DELAY: Duration = Duration::ZERO;

    fn machines(&self) -> &Check {
        &self.check
    }

    fn machines_mut(&mut self) -> &mut Check {
        &mut self.check
    }

    fn indices(&self) -> check::Indices {
        self.check.tables().indices()
    }

    fn begin(&mut self, clean_up: bool, shell: &mut Loop) -> io::Result<()> {
        self.load_tls(shell)?;
        let first = self.watch.first()?;
        self.addresses.take(first, &mut self.check, shell.now());
        self.synchronise(&[SyncRole::Master, SyncRole::Backup], shell);
        if !clean_up {
            self.check.handle(Event::Start, shell.now());
            self.refresh(shell);
        }
        Ok(())
    }

    fn receive(&mut self, ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        let mut heard = Vec::new();
        for source in ready {
            match source.token {
                MONITOR => self.watch.wake(),
                IPVS => self.ipvs_turn(shell),
                CHILDREN => self.children_turn(shell),
                FILES => self.files_turn(shell),
                SEARCHES => self.searches_turn(shell),
                TLS => self.tls_turn(shell)?,
                SYNC => self.sync_daemon.turn(&shell.log),
                SESSIONS => self.sessions.wake(),
                _ => drop(self.connections.ready(&shell.reactor, *source, &mut heard)),
            }
        }
        self.hear(heard, shell);
        Ok(())
    }

    fn timer(&mut self, timer: Timer, now: Duration, shell: &mut Loop) {
        match timer {
            Timer::Machine(key) => self.check.handle(Event::Timer(key), now),
            Timer::Refresh => self.refresh(shell),
            // After the orders of this turn: the process may be there again.
            Timer::Sessions => self.sessions.wake(),
            Timer::Tls => self.tell_slow_loading(&shell.log),
        }
    }

    /// BFD sessions; addresses of this host, for `ha_suspend`.
    fn work(&mut self, _ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        self.sessions_turn(shell);
        if let Some(events) = self.watch.receive()? {
            self.addresses.take(events, &mut self.check, shell.now());
        }
        if self.watch.has_more() {
            shell.again();
        }
        Ok(())
    }

    fn settle(&mut self, shell: &mut Loop) {
        let mut heard = Vec::new();
        self.carry_out(&mut heard, shell);
        self.hear(heard, shell);
    }

    fn reconcile(&mut self, _changed: bool, shell: &mut Loop) {
        if self.ipvs.reconcile(&self.check) {
            shell.hold();
        }
    }

    fn connect(&mut self, _listener: Listener, link: OwnedFd, shell: &mut Loop) -> io::Result<()> {
        self.sessions.connect(link, &shell.reactor, shell.now())
    }

    fn configure(&mut self, config: Box<Config>, shell: &mut Loop) -> io::Result<()> {
        self.sessions.retain(&config.bfd);
        self.check.handle(Event::Configure(config), shell.now());
        treatment::make_room(descriptors(self.check.tables()), &shell.log);
        self.load_tls(shell)?;
        // Gone with its descriptor in any case.
        let _ = shell.reactor.deregister(&self.files);
        // Each file gives an event at the start, which checkers that are new wait for.
        self.files = watch_files(&self.check.tables().lvs.track_files, InitFiles::IfMissing).doing(WATCH_FILES)?;
        shell.reactor.register(&self.files, FILES, Interest::READABLE)?;
        self.ipvs.set_timeouts(self.check.tables().lvs.timeouts);
        self.synchronise(&[SyncRole::Master, SyncRole::Backup], shell);
        Ok(())
    }

    /// Statistics are those of VRRP.
    fn dump(&mut self, what: Dump, _now: Duration) -> Option<(&'static str, String)> {
        (what == Dump::Data).then(|| (dump::check::DATA, dump::check::data(self.check.tables())))
    }

    fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint { verdicts: self.check.checkpoint(), timeouts: self.ipvs.first_found() }
    }

    fn held(&self) -> Held {
        self.ipvs.held()
    }

    fn stop(&mut self, shell: &mut Loop) {
        shell.set_timer(Timer::Refresh, None);
        self.check.handle(Event::Stop, shell.now());
        if !self.keep_services {
            self.ipvs.clear(&self.check, self.flush_on_stop);
        }
        self.synchronise(&[], shell);
    }

    fn is_released(&self) -> bool {
        self.sync_daemon.is_idle() && self.ipvs.is_idle()
    }

    fn end(self, released: bool, _log: &Log) -> bool {
        self.keep_services || (released && self.ipvs.is_clear())
    }
}

impl CheckerProcess {
    fn ipvs_turn(&mut self, shell: &mut Loop) {
        let before = self.ipvs.first_found();
        self.ipvs.turn(&mut self.check, shell.now(), &shell.log);
        if self.ipvs.first_found() != before {
            // Nobody else knows what is to be put back at the end.
            shell.save_at_once();
        }
    }

    /// BFD sessions go up and down. At a stop they are of no interest: their process stops too.
    fn sessions_turn(&mut self, shell: &mut Loop) {
        if shell.is_stopping() || !self.sessions.is_awake() {
            return;
        }
        let now = shell.now();
        for (name, up) in self.sessions.news(now, &shell.log) {
            self.check.handle(Event::Session { name: &name, up }, now);
        }
        shell.set_timer(Timer::Sessions, self.sessions.deadline());
        if self.sessions.is_awake() {
            shell.again();
        }
    }

    fn refresh(&mut self, shell: &mut Loop) {
        if !shell.is_stopping() {
            self.ipvs.refresh();
            shell.set_timer(Timer::Refresh, Some(shell.now() + ipvs::refresh_interval(&self.check)));
        }
    }

    /// `lvs_sync_daemon` that follows no instance.
    fn synchronise(&mut self, roles: &[SyncRole], shell: &Loop) {
        let daemon = self.check.tables().lvs.sync_daemon.as_ref().filter(|daemon| daemon.instance.is_none());
        if let Err(error) = self.sync_daemon.want(daemon, roles, &shell.reactor, &shell.log) {
            shell.log.error(format_args!("No IPVS synchronisation: {error}"));
        }
    }
}
