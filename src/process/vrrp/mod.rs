//! The VRRP process: its sources and timers. The [harness](super::harness) provides the event loop.
//!
//! Sources with much work (announcements, kernel events) do a bounded part of it and request another turn.

mod actions;
mod announcer;
mod checkpoint;
mod commands;
mod configured_feed;
mod firewall;
mod sockets;
mod trackers;
mod translate;

use std::collections::BTreeMap;
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
use super::needs;
use super::record_file::RecordFile;
use super::sequences;
use super::sessions::{Listener, Subscription};
use super::sync_daemon::SyncDaemon;
use super::tuning::{self, Tuning};
use crate::check::ipvs::SyncRole;
use crate::config::VirtualServers;
use crate::config::model::{Config, NetlinkBuffers};
use crate::control::Command;
use crate::kernel::{self, EntryRequest, KernelEvent, OwnLinkWriter, Writer, capabilities, sysctl};
use crate::mib;
use crate::net::InitFiles;
use crate::notify::dbus::{Dbus, Request};
use crate::notify::dump::{self, Dump, DumpFile, Setting};
use crate::notify::fifo::{self, FifoView};
use crate::notify::log::Log;
use crate::notify::mail::Mailer;
use crate::notify::scripts::{Origin, Runners};
use crate::notify::status;
use crate::reactor::{Interest, Ready, Token, clock};
use crate::status::{Clock, Part};
use crate::system::Daemon;
use crate::vrrp::{self, Event, Held, InstanceId, Sequences, State, Tables, TimerKey, Vrrp};

use announcer::Announcer;
use checkpoint::Checkpoint;
use firewall::Firewall;
use sockets::Sockets;
use trackers::TrackerSources;

const MONITOR: Token = token(0);
const WRITER: Token = token(1);
const ADVERTS: Token = token(2);
const SYNC: Token = token(3);
const OWN_LINKS: Token = token(4);
const SOCKETS: Token = token(5);
const LOOK_UPS: Token = token(6);
const SCRIPTS: Token = token(7);
const FILES: Token = token(8);
const PROCESSES: Token = token(9);
const SESSIONS: Token = token(10);
const BEATS: Token = token(11);
const NFTABLES: Token = token(12);
const DBUS: Token = token(13);

/// Address requests in the queue to the kernel.
const WRITER_CAPACITY: usize = 1 << 20;
/// Delay before another attempt to open a socket.
const SOCKET_RETRY: Duration = Duration::from_secs(1);

/// Properties of the VRRP process.
pub(super) const KIND: Kind = Kind {
    word: "vrrp",
    name: "VRRP",
    ident: "Keepalived_vrrp",
    process_name: c"keepalived_vrrp",
    network: capabilities::VRRP,
    capabilities: |options, config| {
        let snmp = config.global.snmp_vrrp || options.snmp;
        needs::common(options, &config.global.vrrp_process, config.vrrp_needs(), snmp)
    },
    pid_file: "vrrp",
    log_file: "vrrp",
    given_pid_file: |options| options.vrrp_pid_file.as_ref(),
    configured: |config| {
        let has_routing = !config.static_routes.is_empty() || !config.static_rules.is_empty();
        !config.instances.is_empty() || !config.static_addresses.is_empty() || has_routing
    },
    allowed: |options| options.vrrp_only || !options.check_only,
    leftovers: held::leftovers::<Held>,
    usable: usable::<vrrp::Indices, Checkpoint>,
    run,
};

/// A timer that is due within this time may be due when the timers of the turn are handled.
const SOON: Duration = Duration::from_millis(2);

/// The timers of the machines, and of the process itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Machine(TimerKey),
    RetrySockets,
    /// A BFD session goes down because the BFD process is gone.
    Sessions,
}

type Loop = Shell<VrrpProcess>;

struct VrrpProcess {
    vrrp: Vrrp,
    buffers: Buffers,
    watch: Watch,
    writer: Writer,
    own_links: OwnLinkWriter,
    firewall: Firewall,
    sockets: Sockets,
    /// The sockets for adverts may have more packets than were read.
    unread: bool,
    announcer: Announcer,
    tracker_sources: TrackerSources,
    /// Reports of the BFD process.
    sessions: Subscription,
    /// Changes for `promote_secondaries` and `disable_local_igmp`, to be restored at the stop.
    sysctls: sysctl::Changes,
    /// Changes of settings for VMACs, for a replacement of this process.
    link_settings: sysctl::Changes,
    /// `lvs_sync_daemon` that follows an instance.
    sync_daemon: SyncDaemon,
    /// `-V`.
    keep_addresses: bool,
    /// Sequence numbers for the next start.
    sequences: RecordFile<Sequences>,
    /// States of the predecessor.
    states: vrrp::Checkpoint,
    /// Requests to be submitted.
    requests: Vec<EntryRequest>,
    /// Interfaces of instances have changed.
    links_changed: bool,
    /// Sockets may be open that no instance needs.
    prune_due: bool,
    /// The last error of each instance whose adverts cannot be sent.
    send_errors: BTreeMap<InstanceId, String>,
    /// A cleanup process, which sends no adverts.
    silent: bool,
    /// Requests of callers on D-Bus.
    dbus: Dbus,
}

impl held::InKernel for Held {
    fn list(&self) -> Vec<String> {
        Held::list(self)
    }
}

/// Descriptors that the instances may need: a socket for each, if each has its own interface, and another while it is
/// replaced.
fn descriptors(instances: usize) -> usize {
    instances.saturating_mul(2)
}

/// The BFD sessions that this process follows.
fn followed(vrrp: &Vrrp) -> impl Iterator<Item = &str> {
    vrrp.tables().trackers.sessions.values().map(|tracker| tracker.row.config.name.as_str())
}

/// The tables of the kernel that this process follows.
fn watched(vrrp: &Vrrp) -> kernel::WatchedTables {
    let (routes, rules) = (vrrp.route_protocols(), vrrp.rule_protocols());
    let buffer = netlink_buffers(vrrp).monitor;
    kernel::WatchedTables { routes: !routes.is_empty(), rules: !rules.is_empty(), protocols: &routes | &rules, buffer }
}

/// `vrrp_netlink_cmd_rcv_bufs` and the like.
fn netlink_buffers(vrrp: &Vrrp) -> NetlinkBuffers {
    vrrp.tables().system.global.as_ref().map(|global| global.vrrp_netlink).unwrap_or_default()
}

const SERVICE: Service<Vrrp> = Service { modules: mib::VRRP_MODULES, description: "Keepalived VRRP" };

fn run(start: ChildStart<'_>) -> io::Result<()> {
    let agents = start.agents(SERVICE);
    let (indices, checkpoint) = start.predecessor::<VrrpProcess>();
    // A replacement does not overwrite tracked files, which users may have changed.
    let first = start.saved.checkpoint.is_none();
    let init_files = if first { InitFiles::AsWritten } else { InitFiles::IfMissing };
    let ChildStart { options, config, ipvs, engine, clean_up, pid_file, dumps, channel, signals, log, .. } = start;
    let (held, found) = held::start(&pid_file, log.clone())?;
    let (sequences, recalled) = sequences::start(&pid_file, log.clone())?;
    let global = &config.global;
    let settings = global.vrrp_process.clone();
    let descriptors = descriptors(config.instances.len());
    let auto_priority = tuning::apply(Tuning { settings, descriptors }, &log);
    let mut tables = Tables::numbered(config, cli::version_text(), indices);
    // If they cannot be read, assume that none is missing: the kernel will report it.
    tables.lacking = capabilities::missing(capabilities::TO_WORK).unwrap_or_default();
    let mut vrrp = Vrrp::new(tables);
    vrrp.recall_sequences(&recalled);
    vrrp.resume(&checkpoint.states);
    vrrp.inherit(found);

    let mut buffers = Buffers::new("vrrp");
    buffers.apply(netlink_buffers(&vrrp), &log);
    let shell = Shell::new(auto_priority, log.clone())?;
    let mut sessions = Subscription::new(SESSIONS);
    sessions.expect(followed(&vrrp), shell.now());
    let reactor = &shell.reactor;
    let address_log = options.address_monitoring.then(|| shell.log.clone());
    let watch = Watch::start(reactor, MONITOR, address_log, watched(&vrrp))?;
    let sockets = Sockets::new(ADVERTS, log.clone()).context("start the thread of sockets")?;
    let announcer = Announcer::open().context("open a socket for ARP")?;
    let firewall = Firewall::new(NFTABLES);
    let own = || firewall.own.clone();
    let writer = Writer::start(WRITER_CAPACITY, own()).context("open a socket for addresses and routes")?;
    let Checkpoint { states, settings, link_settings } = checkpoint;
    let own_links = OwnLinkWriter::start_own_links(WRITER_CAPACITY, link_settings.clone(), own());
    let own_links = own_links.context("open a socket for VMACs")?;
    reactor.register(&writer, WRITER, Interest::READABLE)?;
    reactor.register(&own_links, OWN_LINKS, Interest::READABLE)?;
    reactor.register(&sockets, SOCKETS, Interest::READABLE)?;
    reactor.register(&announcer, LOOK_UPS, Interest::READABLE)?;
    let scripts = Runners::start(&[Origin::Transitions, Origin::Adverts], &log)?;
    let mailer = Mailer::start(vrrp.tables().system.global.as_ref(), log);
    let tokens = trackers::Tokens { children: SCRIPTS, files: FILES, processes: PROCESSES, beats: BEATS };
    let process = VrrpProcess {
        vrrp,
        buffers,
        watch,
        writer,
        own_links,
        firewall,
        sockets,
        unread: false,
        announcer,
        tracker_sources: TrackerSources::new(tokens, init_files),
        sessions,
        sysctls: settings,
        link_settings,
        sync_daemon: SyncDaemon::new(SYNC, ipvs),
        keep_addresses: options.dont_release_vrrp,
        sequences,
        states,
        requests: Vec::new(),
        links_changed: false,
        prune_due: false,
        send_errors: BTreeMap::new(),
        silent: clean_up,
        dbus: Dbus::new(DBUS, &shell.log),
    };
    let dbus = process.dbus.view();
    let fifos = FifoView::new(fifo::of_vrrp, process.vrrp.tables().system.global.as_ref(), &shell.log);
    let mut views = vec![Box::new(scripts) as _, Box::new(mailer) as _, Box::new(fifos) as _, Box::new(dbus) as _];
    if !clean_up {
        views.push(direct_notifications(&SERVICE, &process.vrrp, engine, shell.log.clone()));
    }
    Harness::new(Parts { process, shell, signals, channel, agents, views, held: Some(held), clean_up, dumps })?.run()
}

impl Process for VrrpProcess {
    type Machines = Vrrp;
    type Timer = Timer;
    type Indices = vrrp::Indices;
    type Checkpoint = Checkpoint;
    type Held = Held;

    const PACE: Pace = Pace::Punctual;
    const HOLDS: &'static str = "addresses, routes, rules, VMACs, ipvlans and nftables tables";
    const STOP_LIMIT: Duration = Duration::from_secs(4);
    const CHECKPOINT_DELAY: Duration = Duration::ZERO;
    const HELD_DELAY: Duration = Duration::from_millis(100);

    fn machines(&self) -> &Vrrp {
        &self.vrrp
    }

    fn machines_mut(&mut self) -> &mut Vrrp {
        &mut self.vrrp
    }

    fn indices(&self) -> vrrp::Indices {
        self.vrrp.tables().indices()
    }

    fn start(&mut self, clean_up: bool, shell: &mut Loop) -> io::Result<()> {
        self.read_clock(shell);
        let first = self.watch.first()?;
        self.handle_kernel_events(first, shell);
        if clean_up {
            self.vrrp.resume_to_stop(&self.states);
            return Ok(());
        }
        self.apply_igmp(&shell.log);
        let incomplete = self.sockets.open_all(self.vrrp.tables(), &shell.reactor);
        self.retry_sockets(incomplete, shell);
        self.promote_secondaries(&shell.log);
        self.follow_trackers(shell);
        self.vrrp.handle(Event::Start, shell.now());
        self.settle(shell);
        self.links_changed = false;
        self.dbus.follow(&self.vrrp, &shell.reactor);
        self.dbus.begin(&self.vrrp);
        Ok(())
    }

    /// Reads all sockets, whether or not the reactor has reported them as ready.
    fn receive(&mut self, ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        self.read_clock(shell);
        // A turn that only answers the AgentX master has nothing to read. Before a timer the sockets are read in any case: an
        // advert may have arrived since the wait.
        let due = shell.next_timer().is_some_and(|at| at <= shell.now() + SOON);
        if due || self.unread || ready.iter().any(|source| source.token == ADVERTS) {
            self.unread = self.sockets.receive(&mut self.vrrp, shell.now());
            if self.unread {
                shell.again();
            }
        }
        self.carry_out(shell);
        Ok(())
    }

    fn timer(&mut self, timer: Timer, now: Duration, shell: &mut Loop) {
        match timer {
            Timer::Machine(key) => {
                self.vrrp.handle(Event::Timer(key), now);
                self.carry_out(shell);
            }
            Timer::RetrySockets => self.follow_links(&shell.log),
            // Handled after the orders of this turn, which may connect a new BFD process.
            Timer::Sessions => self.sessions.wake(),
        }
    }

    fn work(&mut self, ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        for source in ready {
            match source.token {
                MONITOR => self.watch.wake(),
                SESSIONS => self.sessions.wake(),
                WRITER => self.writer_turn(shell),
                OWN_LINKS => self.own_links_turn(shell),
                NFTABLES => self.tables_turn(shell.now()),
                SYNC => self.sync_daemon.turn(&shell.log),
                SOCKETS => self.sockets_turn(shell),
                DBUS => self.dbus_turn(shell),
                SCRIPTS | FILES | PROCESSES | BEATS => self.trackers_turn(shell),
                LOOK_UPS => {
                    if let Err(error) = self.announcer.look_up_turn() {
                        shell.log.warning(format_args!("Cannot list link addresses: {error}"));
                    }
                }
                _ => {}
            }
        }
        self.sessions_turn(shell);
        self.kernel_turn(shell)
    }

    fn settle(&mut self, shell: &mut Loop) {
        self.carry_out(shell);
        self.submit_requests(shell);
        if std::mem::take(&mut self.prune_due) {
            self.sockets.prune(self.vrrp.tables(), &shell.reactor);
        }
    }

    fn reconcile(&mut self, changed: bool, shell: &mut Loop) {
        if changed {
            shell.held_changed();
            self.synchronise(shell);
        }
    }

    fn rest(&mut self, shell: &mut Loop) {
        self.announcer.run(self.vrrp.tables(), shell.next_timer());
    }

    fn deadline(&self) -> Option<Duration> {
        self.announcer.deadline()
    }

    fn connect(&mut self, _listener: Listener, link: OwnedFd, shell: &mut Loop) -> io::Result<()> {
        self.sessions.connect(link, &shell.reactor, shell.now())
    }

    fn configure(&mut self, config: Box<Config>, _servers: VirtualServers, shell: &mut Loop) -> io::Result<()> {
        tuning::make_room(descriptors(config.instances.len()), &shell.log);
        self.sessions.retain(&config.bfd);
        let now = shell.now();
        self.vrrp.handle(Event::Configure(config), now);
        self.sessions.expect(followed(&self.vrrp), now);
        self.buffers.apply(netlink_buffers(&self.vrrp), &shell.log);
        self.watch.follow(watched(&self.vrrp));
        // The BFD process may have reported new sessions before this process had the new configuration.
        for (name, up) in self.sessions.statuses() {
            self.vrrp.handle(Event::Session { name: name.to_owned(), up }, now);
        }
        self.apply_igmp(&shell.log);
        self.firewall.links_changed();
        self.dbus.follow(&self.vrrp, &shell.reactor);
        Ok(())
    }

    fn command(&mut self, command: Command, shell: &mut Loop) -> Result<String, String> {
        let done = commands::carry_out(&mut self.vrrp, &command, shell.now());
        self.carry_out(shell);
        done
    }

    fn learn(&mut self, daemon: Daemon, shell: &mut Loop) {
        self.vrrp.handle(Event::Daemon(Box::new(daemon)), shell.now());
    }

    fn status(&self, clock: Clock) -> Option<Part> {
        Some(Part::Vrrp(status::vrrp(self.vrrp.tables(), clock)))
    }

    fn dump(&mut self, what: Dump, clock: Clock, setting: &Setting) -> Option<(DumpFile, String)> {
        let tables = self.vrrp.tables();
        let text = match what {
            Dump::Json => {
                let version = tables.system.global.as_ref().map_or(1, |global| global.dumps.json_version);
                (DumpFile::Json, dump::json(tables, version, clock)?)
            }
            Dump::Data => (DumpFile::Vrrp, dump::vrrp::data(tables, clock, setting, &self.wiring())),
            Dump::Statistics | Dump::ClearStatistics => (DumpFile::Statistics, dump::vrrp::statistics(tables)),
        };
        if what == Dump::ClearStatistics {
            self.vrrp.handle(Event::ClearCounters, clock.now);
        }
        Some(text)
    }

    fn checkpoint(&mut self) -> Checkpoint {
        self.sequences.save(&self.vrrp.sequences(false));
        Checkpoint {
            states: self.vrrp.checkpoint(),
            settings: self.sysctls.clone(),
            link_settings: self.link_settings.clone(),
        }
    }

    fn held(&self) -> Held {
        self.vrrp.held()
    }

    fn stop(&mut self, shell: &mut Loop) {
        self.vrrp.handle(Event::Stop { keep_addresses: self.keep_addresses }, shell.now());
    }

    fn is_released(&self) -> bool {
        self.sync_daemon.is_idle() && self.vrrp.is_stopped()
    }

    fn end(mut self, released: bool, log: &Log) -> bool {
        // Usually the removal of the last VMAC has restored them, but not if its base interface was removed.
        let of_links = if self.keep_addresses { Ok(()) } else { self.link_settings.restore_all() };
        if let Err(error) = self.sysctls.restore_all().and(of_links) {
            log.warning(format_args!("Cannot restore interface settings: {error}"));
        }
        self.sequences.save(&self.vrrp.sequences(true));
        self.sequences.finish();
        self.keep_addresses || (released && self.vrrp.held() == Held::default())
    }
}

impl VrrpProcess {
    /// Tells the machines the time of the system clock, by which adverts are signed.
    fn read_clock(&mut self, shell: &Loop) {
        self.vrrp.handle(Event::Clock(clock::utc()), shell.now());
    }

    /// Handles a bounded number of kernel events, so that adverts do not wait long.
    fn kernel_turn(&mut self, shell: &mut Loop) -> io::Result<()> {
        let Some(events) = self.watch.receive()? else { return Ok(()) };
        if self.watch.has_more() {
            shell.again();
        }
        self.handle_kernel_events(events, shell);
        self.carry_out(shell);
        if std::mem::take(&mut self.links_changed) {
            self.firewall.links_changed();
        }
        Ok(())
    }

    fn handle_kernel_events(&mut self, events: Vec<KernelEvent>, shell: &Loop) {
        for event in events {
            for event in translate::events(event) {
                self.vrrp.handle(event, shell.now());
            }
        }
    }

    fn follow_trackers(&mut self, shell: &Loop) {
        if let Err(error) = self.tracker_sources.follow(self.vrrp.tables(), &shell.reactor) {
            shell.log.error(format_args!("Cannot watch trackers: {error}; they keep their last states"));
        }
    }

    fn trackers_turn(&mut self, shell: &Loop) {
        let now = shell.now();
        for event in self.tracker_sources.events(now, &shell.log) {
            self.vrrp.handle(event, now);
        }
    }

    /// Hands changes of BFD sessions to the machines. During a stop they are ignored: the BFD process stops too.
    fn sessions_turn(&mut self, shell: &mut Loop) {
        if shell.is_stopping() || !self.sessions.is_awake() {
            return;
        }
        let now = shell.now();
        for (name, up) in self.sessions.news(now, &shell.log) {
            self.vrrp.handle(Event::Session { name, up }, now);
        }
        shell.set_timer(Timer::Sessions, self.sessions.deadline());
        if self.sessions.is_awake() {
            shell.again();
        }
    }

    /// Does what callers on D-Bus want.
    fn dbus_turn(&mut self, shell: &mut Loop) {
        for request in self.dbus.requests(&self.vrrp) {
            match request {
                Request::Dump(what) => shell.dump(what),
                Request::Reload => shell.want_reload(),
                Request::Announce(id) => self.vrrp.handle(Event::Announce(id), shell.now()),
            }
        }
    }

    fn apply_igmp(&mut self, log: &Log) {
        let settings = self.vrrp.tables().system.global.as_ref().map(|global| &global.firewall);
        firewall::apply_igmp(settings, &mut self.sysctls, log);
    }

    fn follow_links(&mut self, log: &Log) {
        self.sockets.follow(self.vrrp.tables());
        self.prune_due = true;
        self.promote_secondaries(log);
    }

    fn retry_sockets(&mut self, incomplete: bool, shell: &mut Loop) {
        if incomplete {
            shell.set_timer(Timer::RetrySockets, Some(shell.now() + SOCKET_RETRY));
        }
    }

    fn sockets_turn(&mut self, shell: &mut Loop) {
        let incomplete = self.sockets.turn(self.vrrp.tables(), &shell.reactor);
        self.retry_sockets(incomplete, shell);
        for (id, advert) in self.sockets.take_waiting() {
            self.send(id, advert, &shell.log);
        }
    }

    /// Sets `promote_secondaries`, so that the removal of a primary address does not remove the secondary addresses of
    /// its subnet.
    fn promote_secondaries(&mut self, log: &Log) {
        for row in self
            .vrrp
            .tables()
            .instances
            .values()
            .filter(|row| row.config.promote_secondaries && row.ifindex.is_some() && !row.config.is_unbound())
        {
            let interface = &row.config.interface;
            if let Err(error) = self.sysctls.set(sysctl::Tree::Ipv4, interface, "promote_secondaries", "1") {
                log.warning(format_args!("Cannot set promote_secondaries of {interface}: {error}"));
            }
        }
    }

    /// What the dump of data shows besides the rows.
    fn wiring(&self) -> dump::vrrp::Wiring {
        let settings = self.sysctls.before().chain(self.link_settings.before());
        dump::vrrp::Wiring {
            sockets: self.sockets.descriptors().collect(),
            paces: self.announcer.paces().collect(),
            settings: settings.map(|(place, value)| (place, value.to_owned())).collect(),
        }
    }

    /// Runs the IPVS sync daemon in the role of its instance.
    fn synchronise(&mut self, shell: &Loop) {
        let tables = self.vrrp.tables();
        let daemon = tables.sync_daemon.as_ref().filter(|daemon| daemon.instance.is_some());
        let name = daemon.and_then(|daemon| daemon.instance.as_deref());
        let followed = tables.instances.values().find(|row| Some(row.config.name.as_str()) == name);
        let roles: &[SyncRole] = match followed.map(|row| row.state) {
            // Threads of a predecessor continue until the state of the instance is known.
            Some(State::Init) if !shell.is_stopping() => return,
            Some(State::Master) => &[SyncRole::Master],
            Some(State::Backup | State::Fault) => &[SyncRole::Backup],
            _ => &[],
        };
        if let Err(error) = self.sync_daemon.want(daemon, roles, &shell.reactor, &shell.log) {
            shell.log.error(format_args!("Cannot start IPVS synchronisation: {error}"));
        }
    }
}
