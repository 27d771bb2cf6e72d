//! The checker process: its sources and timers. The [harness](super::harness) provides the event loop.
//!
//! In a turn the machines handle events of sockets, scripts and files, then timers; then IPVS is reconciled.

mod actions;
mod checkpoint;
mod host;
mod ipvs;
mod marks;
mod statistics;
mod tls;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::buffers::Buffers;
use super::cli;
use super::context::Context;
use super::harness::{
    ChildStart, Harness, Kind, Pace, Parts, Process, Service, Shell, Watch, direct_notifications, token, usable,
};
use super::held;
use super::ipvs_host::IpvsHost;
use super::needs;
use super::sessions::{Listener, Subscription};
use super::sync_daemon::SyncDaemon;
use super::tuning::{self, Tuning};
use crate::check::ipvs::{Director, SyncRole};
use crate::check::{self, Check, Event, Setter, Tables, TimerKey};
use crate::config::model::{Config, FlushOnStop, NetlinkBuffers};
use crate::config::{Compared, VirtualServers};
use crate::control::{Command, Weight};
use crate::kernel::{self, capabilities};
use crate::mib;
use crate::net::{Children, Connections, FileEvent, InitFiles, Loading, Searches, watch_files};
use crate::notify::check_messages;
use crate::notify::dump::{self, Dump, DumpFile, Setting};
use crate::notify::fifo::{self, FifoView};
use crate::notify::log::Log;
use crate::notify::mail::Mailer;
use crate::notify::scripts::{Origin, Runners};
use crate::notify::status;
use crate::reactor::{Feed, Interest, Ready, Token};
use crate::status::{Clock, Part};
use crate::system::Daemon;

use checkpoint::{Checkpoint, Held};
use host::HostAddresses;
use ipvs::Ipvs;
use marks::Marks;

const MONITOR: Token = token(0);
const IPVS: Token = token(1);
const CHILDREN: Token = token(2);
const FILES: Token = token(3);
const SYNC: Token = token(4);
const SEARCHES: Token = token(5);
const TLS: Token = token(6);
const SESSIONS: Token = token(7);
const MARKS: Token = token(8);
const MARKS_WATCH: Token = token(9);

/// Most timers of a turn. A timer starts at most one check, which causes a few events; with this number the next turn
/// handles them all. So on an overloaded CPU checks start late, but open connections do not time out while their events
/// wait.
const TIMERS_A_TURN: usize = 64;
/// Timers are served together at multiples of this time: each wait costs as much as a system call of a check or more.
const STEP: Duration = Duration::from_millis(10);
/// The operation in error messages about files of FILE_CHECK.
const WATCH_FILES: &str = "watch the files of track_file";

/// Properties of the checker process.
pub(super) const KIND: Kind = Kind {
    word: "checkers",
    name: "checker",
    ident: "Keepalived_healthcheckers",
    process_name: c"keepalived_ipvs",
    network: capabilities::CHECKERS,
    capabilities: |options, config| {
        let snmp = config.global.snmp_checker || options.snmp;
        needs::common(options, &config.lvs.settings.process, config.checker_needs(), snmp)
    },
    pid_file: "checkers",
    log_file: "check",
    given_pid_file: |options| options.checkers_pid_file.as_ref(),
    configured: |config| config.has_virtual_servers,
    allowed: |options| options.check_only || !options.vrrp_only,
    // Nobody notices when no checks are made for a moment.
    begins_within: Duration::from_secs(2),
    leftovers: held::leftovers::<Held>,
    usable: usable::<check::Indices, Checkpoint>,
    run,
};

/// The timers of the machines, and of the process itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Machine(TimerKey),
    Refresh,
    /// A BFD session goes down because the BFD process is gone.
    Sessions,
    /// Loading the TLS context of `SSL_GET` takes long.
    Tls,
}

type Loop = Shell<CheckerProcess>;

struct CheckerProcess {
    check: Check,
    /// The virtual servers of the configuration, as recorded by the parent.
    servers: VirtualServers,
    buffers: Buffers,
    watch: Watch,
    addresses: HostAddresses,
    ipvs: Ipvs,
    /// The tables of `nftables_ipvs`.
    marks: Marks,
    host: IpvsHost,
    connections: Connections,
    /// The TLS context of `SSL_GET` that is being loaded.
    loading: Option<Loading>,
    children: Children,
    files: Feed<FileEvent>,
    searches: Searches,
    /// Reports of the BFD process.
    sessions: Subscription,
    /// `lvs_sync_daemon` that follows no instance.
    sync_daemon: SyncDaemon,
    /// `-I`.
    keep_services: bool,
    /// `lvs_flush_on_stop` without VS.
    flush_on_stop: bool,
    /// When it was last logged that checks are postponed.
    postponement_logged: Option<Duration>,
}

/// `lvs_netlink_cmd_rcv_bufs` and the like.
fn netlink_buffers(check: &Check) -> NetlinkBuffers {
    check.tables().system.global.as_ref().map(|global| global.lvs_netlink).unwrap_or_default()
}

/// The tables of the kernel that this process follows.
fn watched(check: &Check) -> kernel::WatchedTables {
    kernel::WatchedTables { buffer: netlink_buffers(check).monitor, ..kernel::WatchedTables::default() }
}

const SERVICE: Service<Check> = Service { modules: mib::CHECK_MODULES, description: "Keepalived healthcheckers" };

fn run(start: ChildStart<'_>) -> io::Result<()> {
    let agents = start.agents(SERVICE);
    let (indices, checkpoint) = start.predecessor::<CheckerProcess>();
    let ChildStart {
        options,
        config,
        servers,
        ipvs: host,
        saved,
        engine,
        clean_up,
        pid_file,
        locked,
        dumps,
        channel,
        signals,
        log,
    } = start;
    let (held, found) = held::start::<Held>(&pid_file, log.clone())?;
    let settings = config.lvs.settings.process.clone();
    // Only the first process of a daemon flushes: a replacement keeps the connections.
    let flush = config.global.lvs_flush && saved.checkpoint.is_none();
    let init_files = match saved.checkpoint {
        _ if clean_up => InitFiles::Never,
        None => InitFiles::AsWritten,
        Some(_) => InitFiles::IfMissing,
    };
    let flush_on_stop = config.global.lvs_flush_on_stop == FlushOnStop::All;
    // Only spreads the first checks over their warm-up.
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let recorded = servers.clone();
    let tables = Tables::numbered(config, servers, cli::version_text(), indices).map_err(io::Error::other)?;
    let auto_priority = tuning::apply(Tuning { settings, descriptors: descriptors(&tables) }, &log);
    let mut check = Check::new(tables, seed);
    check.resume(&checkpoint.verdicts);

    let shell = Shell::new(auto_priority, log.clone())?;
    let reactor = &shell.reactor;
    let address_log = options.address_monitoring.then(|| shell.log.clone());
    let mut buffers = Buffers::new("lvs");
    buffers.apply(netlink_buffers(&check), &shell.log);
    let watch = Watch::start(reactor, MONITOR, address_log, watched(&check))?;
    let lvs = &check.tables().lvs;
    let director = Director::new(flush, lvs.settings.timeouts, checkpoint.timeouts, found.services);
    let ipvs = Ipvs::start(director, &host).context("open a socket for IPVS")?;
    reactor.register(&ipvs, IPVS, Interest::READABLE).context("watch the thread of IPVS")?;
    let mut marks = Marks::new(found.tables, [MARKS, MARKS_WATCH]);
    marks.follow(&check);
    let children = Children::start().context("start the thread of programs")?;
    reactor.register(&children, CHILDREN, Interest::READABLE).context("watch the thread of programs")?;
    let files = watch_files(&lvs.track_files, init_files).context(WATCH_FILES)?;
    reactor.register(&files, FILES, Interest::READABLE).context("watch the thread of tracked files")?;
    let searches = Searches::new().context("start the threads of searches")?;
    reactor.register(&searches, SEARCHES, Interest::READABLE).context("watch the threads of searches")?;
    let scripts = Runners::start(&[Origin::Transitions], &log).context("start the threads of notify scripts")?;
    let mailer = Mailer::start(check.tables().system.global.as_ref(), log);
    let process = CheckerProcess {
        check,
        servers: recorded,
        buffers,
        watch,
        addresses: HostAddresses::default(),
        ipvs,
        marks,
        host: host.clone(),
        connections: Connections::new(None),
        loading: None,
        children,
        files,
        searches,
        sessions: Subscription::new(SESSIONS),
        sync_daemon: SyncDaemon::new(SYNC, host),
        keep_services: options.dont_release_ipvs,
        flush_on_stop,
        postponement_logged: None,
    };
    let fifos = FifoView::new(fifo::of_lvs, process.check.tables().system.global.as_ref(), &shell.log);
    let mut views = vec![Box::new(scripts) as _, Box::new(mailer) as _, Box::new(fifos) as _];
    if !clean_up {
        views.push(direct_notifications(&SERVICE, &process.check, engine, shell.log.clone()));
    }
    Harness::new(Parts {
        process,
        shell,
        signals,
        channel,
        agents,
        views,
        held: Some(held),
        clean_up,
        dumps,
        pid_file: Some(locked),
    })?
    .run()
}

/// Descriptors that the checks may need: one each for its connection.
fn descriptors(tables: &Tables) -> usize {
    tables.checkers.len()
}

/// How often the kernel's IPVS table is read.
fn refresh_interval(tables: &Tables) -> Duration {
    let lvs = &tables.lvs;
    lvs.settings.vs_stats_interval.min(lvs.settings.rs_stats_interval).max(Duration::from_millis(500))
}

impl Process for CheckerProcess {
    type Machines = Check;
    type Timer = Timer;
    type Indices = check::Indices;
    type Checkpoint = Checkpoint;
    type Held = Held;

    const PACE: Pace = Pace::Coarse { timers: TIMERS_A_TURN, step: STEP };
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

    fn start(&mut self, clean_up: bool, shell: &mut Loop) -> io::Result<()> {
        self.load_tls(shell)?;
        let first = self.watch.first()?;
        self.addresses.handle(first, &mut self.check, shell.now());
        self.synchronise(&[SyncRole::Master, SyncRole::Backup], shell);
        if !clean_up {
            self.check.handle(Event::Start, shell.now());
            self.refresh(shell);
        }
        Ok(())
    }

    fn receive(&mut self, ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        let mut net_events = Vec::new();
        for source in ready {
            match source.token {
                MONITOR => self.watch.wake(),
                IPVS => self.ipvs_turn(shell),
                MARKS => self.marks.turn(&shell.log),
                MARKS_WATCH => self.marks.watch_turn(&shell.log),
                CHILDREN => self.children_turn(shell),
                FILES => self.files_turn(shell),
                SEARCHES => self.searches_turn(shell),
                TLS => self.tls_turn(shell)?,
                SYNC => self.sync_daemon.turn(&shell.log),
                SESSIONS => self.sessions.wake(),
                _ => drop(self.connections.ready(&shell.reactor, *source, &mut net_events)),
            }
        }
        self.handle_net_events(net_events, shell);
        Ok(())
    }

    fn timer(&mut self, timer: Timer, now: Duration, shell: &mut Loop) {
        match timer {
            Timer::Machine(key) => self.check.handle(Event::Timer(key), now),
            Timer::Refresh => self.refresh(shell),
            // Handled after the orders of this turn, which may connect a new BFD process.
            Timer::Sessions => self.sessions.wake(),
            Timer::Tls => self.log_slow_loading(&shell.log),
        }
    }

    /// Handles BFD sessions, and addresses of this host for `ha_suspend`.
    fn work(&mut self, _ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        self.sessions_turn(shell);
        if let Some(events) = self.watch.receive()? {
            self.addresses.handle(events, &mut self.check, shell.now());
        }
        if self.watch.has_more() {
            shell.again();
        }
        Ok(())
    }

    fn settle(&mut self, shell: &mut Loop) {
        let mut net_events = Vec::new();
        self.carry_out(&mut net_events, shell);
        self.handle_net_events(net_events, shell);
    }

    fn reconcile(&mut self, _changed: bool, shell: &mut Loop) {
        if self.ipvs.reconcile(&self.check) {
            shell.held_changed();
        }
        self.marks.reconcile(&self.host, &shell.reactor, &shell.log);
        if self.marks.take_held_changed() {
            shell.held_changed();
        }
    }

    fn connect(&mut self, _listener: Listener, link: OwnedFd, shell: &mut Loop) -> io::Result<()> {
        self.sessions.connect(link, &shell.reactor, shell.now())
    }

    fn configure(&mut self, config: Box<Config>, servers: VirtualServers, shell: &mut Loop) -> io::Result<()> {
        self.sessions.retain(&config.bfd);
        let compared = match self.check.tables().has_groups(&config.lvs.groups) {
            true => servers.compared_with(&self.servers),
            false => servers.clone().map(|server| Ok(Compared::Other(Box::new(server?)))).collect(),
        };
        match compared {
            Ok(compared) => {
                self.servers = servers;
                self.check.handle(Event::Configure { config, servers: compared }, shell.now());
            }
            // The parent has recorded them: this is a bug, and no reason to stop.
            Err(error) => shell.log.error(format_args!("Cannot use the new configuration: {error}")),
        }
        tuning::make_room(descriptors(self.check.tables()), &shell.log);
        self.buffers.apply(netlink_buffers(&self.check), &shell.log);
        self.watch.follow(watched(&self.check));
        self.load_tls(shell)?;
        // The kernel removes a closed descriptor anyway.
        let _ = shell.reactor.deregister(&self.files);
        // A new watch reports the value of each file, for which new checkers wait.
        self.files = watch_files(&self.check.tables().lvs.track_files, InitFiles::IfMissing).context(WATCH_FILES)?;
        shell.reactor.register(&self.files, FILES, Interest::READABLE)?;
        self.ipvs.set_timeouts(self.check.tables().lvs.settings.timeouts);
        self.marks.follow(&self.check);
        self.synchronise(&[SyncRole::Master, SyncRole::Backup], shell);
        Ok(())
    }

    /// The checker process has data only.
    fn command(&mut self, command: Command, shell: &mut Shell<Self>) -> Result<String, String> {
        let Command::Weight(Weight { server, weight }) = command else {
            return Err("the checker process has no instances".to_owned());
        };
        let rows = self.check.tables().real_servers.iter();
        let found: Vec<_> = rows.filter_map(|(id, row)| Some((*id, row.regular()?.weight))).collect();
        let has_address = |id| self.check.tables().real_servers.get(&id).is_some_and(|row| row.address() == server);
        let found: Vec<_> = found.into_iter().filter(|(id, _)| has_address(*id)).collect();
        if found.is_empty() {
            return Err(format!("no virtual server has the real server {server}"));
        }
        let mut done = String::new();
        for (id, configured) in found {
            let weight = weight.unwrap_or(configured);
            self.check.handle(Event::SetWeight(id, weight, Setter::Operator), shell.now());
            let (server, service) =
                (check_messages::server(id, self.check.tables()), check_messages::service(id.0, self.check.tables()));
            done += &format!("{server} in {service}: weight {weight} of {configured}\n");
        }
        Ok(done)
    }

    fn learn(&mut self, daemon: Daemon, shell: &mut Loop) {
        self.check.handle(Event::Daemon(Box::new(daemon)), shell.now());
    }

    fn status(&self, clock: Clock) -> Option<Part> {
        Some(Part::Checker(status::check(self.check.tables(), clock)))
    }

    fn dump(&mut self, what: Dump, clock: Clock, setting: &Setting) -> Option<(DumpFile, String)> {
        let sessions = self.sessions.statuses().map(|(name, _)| name);
        let data = || dump::check::data(self.check.tables(), &self.ipvs.director, sessions, clock, setting);
        (what == Dump::Data).then(|| (DumpFile::Checkers, data()))
    }

    fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint { verdicts: self.check.checkpoint(), timeouts: self.ipvs.director.first_found() }
    }

    fn last_checkpoint(&mut self) -> Checkpoint {
        Checkpoint { verdicts: self.check.last_checkpoint(), ..self.checkpoint() }
    }

    fn held(&self) -> Held {
        Held { services: self.ipvs.held(), tables: self.marks.held().collect() }
    }

    fn stop(&mut self, shell: &mut Loop) {
        shell.set_timer(Timer::Refresh, None);
        self.check.handle(Event::Stop, shell.now());
        if !self.keep_services {
            self.ipvs.clear(&self.check, self.flush_on_stop);
            self.marks.clear();
        }
        self.synchronise(&[], shell);
    }

    fn is_released(&self) -> bool {
        self.sync_daemon.is_idle() && self.ipvs.is_idle() && self.marks.is_idle()
    }

    fn end(self, released: bool, _log: &Log) -> bool {
        self.keep_services || (released && self.ipvs.director.is_clear() && self.marks.is_gone())
    }
}

impl CheckerProcess {
    fn ipvs_turn(&mut self, shell: &mut Loop) {
        let before = self.ipvs.director.first_found();
        self.ipvs.turn(&mut self.check, shell.now(), &shell.log);
        if self.ipvs.director.first_found() != before {
            // Only this process knows the time-outs to be restored at the stop.
            shell.save_at_once();
        }
    }

    /// Hands changes of BFD sessions to the machines. During a stop they are ignored: the BFD process stops too.
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
            self.marks.retry();
            self.connections.read_local_ports();
            shell.set_timer(Timer::Refresh, Some(shell.now() + refresh_interval(self.check.tables())));
        }
    }

    /// Runs an `lvs_sync_daemon` that follows no instance.
    fn synchronise(&mut self, roles: &[SyncRole], shell: &Loop) {
        let daemon = self.check.tables().lvs.settings.sync_daemon.as_ref().filter(|daemon| daemon.instance.is_none());
        if let Err(error) = self.sync_daemon.want(daemon, roles, &shell.reactor, &shell.log) {
            shell.log.error(format_args!("Cannot start IPVS synchronisation: {error}"));
        }
    }
}
