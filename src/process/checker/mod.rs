//! The checker process: one loop around the machines of LVS health.
//!
//! A turn: wait; timers, sockets, scripts and files feed the machines; then IPVS is brought in line, then the views.

mod checkpoint;
mod ipvs;
mod statistics;
mod tls;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::check::http::Look;
use crate::check::{Action, AttemptId, Change, Check, Event, ScriptEnd, TimerKey, Transport, VirtualServerId};
use crate::config::lvs::CheckerKind;
use crate::config::model::Config;
use crate::kernel::ipvs::SyncRole;
use crate::kernel::{KernelEvent, Monitor, Watcher};
use crate::mib;
use crate::net::{
    ChildEvent, Children, Connections, FileEvent, Files, Key, Loading, NetEvent, Outcome, Searches, What,
};
use crate::notify::dump::{self, Dump};
use crate::notify::log::Log;
use crate::notify::mail::Mailer;
use crate::notify::scripts::{Origin, Runners};
use crate::notify::view::{View, tell};
use crate::process::agent::Agent;
use crate::process::doing::Doing;
use crate::process::ipc::Channel;
use crate::process::kept::Kept;
use crate::process::orders::{Order, Orders};
use crate::process::stopping::{CLEAN_UP_LIMIT, FAREWELL_LIMIT, Stopping, time_for_scripts};
use crate::process::sync_daemon::SyncDaemon;
use crate::process::treatment;
use crate::reactor::{Events, Interest, Program, Reactor, Signals, Timers, Token, clock};

pub(super) use checkpoint::{Checkpoint, Held};
use ipvs::Ipvs;

const ORDERS: Token = Token(0);
const MONITOR: Token = Token(1);
const IPVS: Token = Token(2);
const CHILDREN: Token = Token(3);
const FILES: Token = Token(4);
const SYNC: Token = Token(5);
const SEARCHES: Token = Token(6);
const TLS: Token = Token(7);
/// The agent counts on from here, one for each socket it opens; the connections have tokens far above.
const AGENT: Token = Token(1000);

/// Priority of the registrations: the VRRP process answers for the global branch while it is there.
const GLOBAL_PRIORITY: u8 = 128;
const PRIORITY: u8 = 127;
/// After a change the parent is told where a replacement should go on; many changes make one checkpoint.
const CHECKPOINT_DELAY: Duration = Duration::from_millis(500);
/// Timers of a turn; what is due beyond waits for the next. Each begins a check at most, which leaves some events: so
/// many that a turn hears all of them. With more checks than the processor can do, checks come late; connections that
/// stand are heard of before their time is over.
const TIMERS_A_TURN: usize = 64;
/// Events of a turn.
const EVENTS_A_TURN: usize = 256;
/// That checks have to wait for this process itself is told so often.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// What fails when the kernel does not tell of interfaces and addresses.
const WATCH: &str = "watch interfaces and addresses";
/// What fails when files of FILE_CHECK cannot be watched.
const WATCH_FILES: &str = "watch the files of track_file";
/// How long the first look at the addresses may take.
const DUMP_LIMIT: Duration = Duration::from_secs(5);
/// After a stop: time for the kernel to remove services.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// What the process is started with.
pub(super) struct Setup {
    pub(super) check: Check,
    pub(super) log: Log,
    pub(super) channel: Channel,
    /// AgentX master and how the user wrote it; `None` without SNMP.
    pub(super) agentx: Option<(snmp::transport::MasterAddress, String)>,
    /// `-I`.
    pub(super) keep_services: bool,
    /// Of a predecessor.
    pub(super) checkpoint: Checkpoint,
    /// Only to remove what that has left in the kernel.
    pub(super) clean_up: bool,
    /// What is set in the kernel.
    pub(super) held: Kept<Held>,
    /// What a predecessor has set there.
    pub(super) found: Held,
    /// `lvs_flush`.
    pub(super) flush: bool,
    /// `lvs_flush_on_stop` without VS.
    pub(super) flush_on_stop: bool,
    pub(super) signals: Signals,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Machine(TimerKey),
    Refresh,
    Checkpoint,
    /// The context of `SSL_GET` should be there.
    Tls,
}

struct Process {
    check: Check,
    log: Log,
    reactor: Reactor,
    timers: Timers<Timer>,
    orders: Orders,
    monitor: Watcher,
    more_kernel: bool,
    /// How many interfaces of this host have an address.
    addresses: HashMap<IpAddr, usize>,
    ipvs: Ipvs,
    connections: Connections,
    /// The context of `SSL_GET` that is on its way.
    loading: Option<Loading>,
    children: Children,
    files: Files,
    searches: Searches,
    agent: Option<Agent<Check>>,
    agent_token: Token,
    /// `lvs_sync_daemon` that follows no instance.
    sync_daemon: SyncDaemon,
    scripts: Runners,
    dumps: dump::Writer,
    mailer: Mailer,
    keep_services: bool,
    held: Kept<Held>,
    flush_on_stop: bool,
    changes: Vec<Change>,
    stopping: Stopping,
    /// When the stop began.
    stopped_at: Duration,
    /// Time of this turn.
    now: Duration,
    /// When it was last told that checks wait for want of descriptors or memory.
    told_lack: Option<Duration>,
}

/// Runs until told to stop.
pub(super) fn run(setup: Setup) -> io::Result<()> {
    let Setup { mut check, log, channel, agentx, keep_services, checkpoint, clean_up, held, found, .. } = setup;
    let (flush, flush_on_stop, signals) = (setup.flush, setup.flush_on_stop, setup.signals);
    check.resume(&checkpoint.verdicts);
    let reactor = Reactor::coarse().doing("open an event loop")?;
    let orders = Orders::new(signals, channel, &reactor, ORDERS).doing("listen to the parent process")?;
    let monitor = Monitor::open(DUMP_LIMIT).and_then(Watcher::start).doing(WATCH)?;
    reactor.register(&monitor, MONITOR, Interest::READABLE)?;
    let lvs = &check.tables.lvs;
    let ipvs = Ipvs::start(flush, lvs.timeouts, checkpoint.timeouts, found).doing("open a socket for IPVS")?;
    reactor.register(&ipvs, IPVS, Interest::READABLE)?;
    let children = Children::start().doing("start the thread of programs")?;
    reactor.register(&children, CHILDREN, Interest::READABLE)?;
    let files = Files::start(&lvs.track_files).doing(WATCH_FILES)?;
    reactor.register(&files, FILES, Interest::READABLE)?;
    let searches = Searches::new().doing("start the threads of searches")?;
    reactor.register(&searches, SEARCHES, Interest::READABLE)?;
    let agent = match agentx {
        Some(master) => {
            let mib = mib::check_mib().map_err(io::Error::other)?;
            let [global, check] = mib::check_subtrees();
            let subtrees = [(global, GLOBAL_PRIORITY), (check, PRIORITY)];
            Some(Agent::new(master, mib, mib::check_trap, subtrees, "Keepalived healthcheckers"))
        }
        None => None,
    };
    let mut process = Process {
        scripts: Runners::start(&[Origin::Transitions], &log)?,
        dumps: dump::Writer::start(log.clone())?,
        mailer: Mailer::start(check.tables.system.global.as_ref(), log.clone()),
        check,
        log,
        reactor,
        timers: Timers::new(),
        orders,
        monitor,
        more_kernel: true,
        addresses: HashMap::new(),
        ipvs,
        connections: Connections::new(None),
        loading: None,
        children,
        files,
        searches,
        agent,
        agent_token: AGENT,
        sync_daemon: SyncDaemon::new(SYNC),
        keep_services,
        held,
        flush_on_stop,
        changes: Vec::new(),
        stopping: Stopping::No,
        stopped_at: Duration::ZERO,
        now: clock::now(),
        told_lack: None,
    };
    process.load_tls()?;
    let first = process.monitor.first(DUMP_LIMIT).doing(WATCH)?;
    process.take_kernel_events(first);
    process.synchronise(&[SyncRole::Master, SyncRole::Backup]);
    if clean_up {
        process.stop(CLEAN_UP_LIMIT);
    } else {
        process.orders.save_indices(&process.check.tables.indices(), &process.log);
        process.check.handle(Event::Start, process.now);
        process.refresh();
    }
    process.carry_out();
    // A replacement is to know that it is none of the first, even when nothing ever changes.
    process.timers.set(Timer::Checkpoint, process.now + CHECKPOINT_DELAY);
    process.run()
}

impl Process {
    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        self.orders.report_ready();
        while !self.stopping.is_done() {
            let deadline = if self.more_kernel { Some(Duration::ZERO) } else { self.deadline() };
            self.reactor.wait(deadline, &mut events).doing("wait for events")?;
            self.now = clock::now();
            let mut heard = Vec::new();
            let mut agent_ready = false;
            for ready in events.iter() {
                match ready.token {
                    ORDERS => self.obey()?,
                    MONITOR => self.more_kernel = true,
                    IPVS => self.ipvs_turn(),
                    CHILDREN => self.children_turn(),
                    FILES => self.files_turn(),
                    SEARCHES => self.searches_turn(),
                    TLS => self.tls_turn()?,
                    SYNC => self.sync_daemon.turn(&self.log),
                    _ if self.connections.ready(&self.reactor, ready, &mut heard) => {}
                    token => agent_ready |= token == self.agent_token,
                }
            }
            self.hear(heard);
            self.timers_turn();
            if self.more_kernel {
                self.kernel_turn()?;
            }
            self.carry_out();
            if self.ipvs.reconcile(&self.check) {
                self.held.save(&self.ipvs.held());
            }
            self.show_changes();
            self.agent_turn(agent_ready);
            self.stopping_turn();
        }
        self.held.save(&self.ipvs.held());
        self.held.finish();
        self.mailer.finish(FAREWELL_LIMIT);
        let global = self.check.tables.system.global.as_ref();
        self.scripts.finish(time_for_scripts(self.stopped_at, clock::now(), global));
        let released = self.keep_services || (self.stopping.has_released() && self.ipvs.is_clear());
        if released { Ok(()) } else { Err(io::Error::other("not all IPVS services could be removed")) }
    }

    fn deadline(&self) -> Option<Duration> {
        let agent = self.agent.as_ref().and_then(Agent::deadline);
        [self.timers.next_deadline(), agent, self.stopping.deadline()].into_iter().flatten().min()
    }

    fn timers_turn(&mut self) {
        let now = self.now;
        for _ in 0..TIMERS_A_TURN {
            let Some(timer) = self.timers.pop_due(now) else { break };
            match timer {
                Timer::Machine(key) => self.check.handle(Event::Timer(key), now),
                Timer::Refresh => self.refresh(),
                Timer::Tls => self.tell_slow_loading(),
                Timer::Checkpoint => self.save_checkpoint(),
            }
        }
    }

    fn save_checkpoint(&mut self) {
        let checkpoint = Checkpoint { verdicts: self.check.checkpoint(), timeouts: self.ipvs.first_found() };
        self.orders.save_checkpoint(&checkpoint, &self.log);
    }

    fn ipvs_turn(&mut self) {
        let before = self.ipvs.first_found();
        self.ipvs.turn(&mut self.check, self.now, &self.log);
        if self.ipvs.first_found() != before {
            // At once: nobody else knows what is to be put back at the end.
            self.timers.set(Timer::Checkpoint, self.now);
        }
    }

    fn refresh(&mut self) {
        if self.stopping == Stopping::No {
            self.ipvs.refresh();
            self.timers.set(Timer::Refresh, self.now + ipvs::refresh_interval(&self.check));
        }
    }

    /// What connections tell goes to the machines; what they want of connections may tell more.
    fn hear(&mut self, mut heard: Vec<NetEvent>) {
        while !heard.is_empty() {
            for event in std::mem::take(&mut heard) {
                let attempt = attempt(event.key);
                let now = self.now;
                match &event.what {
                    // Connected is what a ping becomes when its reply has come.
                    What::Connected if self.is_ping(attempt) => self.check.handle(Event::PingReply(attempt), now),
                    What::Connected => self.check.handle(Event::Connected(attempt), now),
                    What::Received(octets) => self.check.handle(Event::Received(attempt, octets), now),
                    What::Closed => self.check.handle(Event::Closed(attempt), now),
                    What::Failed(reason) => self.check.handle(Event::Failed(attempt, reason.clone()), now),
                    What::Lacking(reason) => self.postpone(attempt, reason),
                }
            }
            self.carry_out_actions(&mut heard);
        }
    }

    /// A check for which this process has not what it takes comes later: that is not the server's failure.
    fn postpone(&mut self, attempt: AttemptId, reason: &str) {
        if self.told_lack.is_none_or(|told| self.now >= told + TELL_AGAIN) {
            self.told_lack = Some(self.now);
            self.log.error(format_args!("Checks have to wait: {reason}"));
        }
        self.check.handle(Event::Postponed(attempt), self.now);
    }

    fn is_ping(&self, attempt: AttemptId) -> bool {
        let row = self.check.tables.checkers.get(&attempt.checker);
        row.is_some_and(|row| matches!(row.config.kind, CheckerKind::Ping(_)))
    }

    fn carry_out(&mut self) {
        let mut heard = Vec::new();
        self.carry_out_actions(&mut heard);
        self.hear(heard);
    }

    fn carry_out_actions(&mut self, heard: &mut Vec<NetEvent>) {
        let output = self.check.take_output();
        for action in output.actions {
            match action {
                Action::Connect { attempt, target, transport } => {
                    let over = match transport {
                        Transport::Tcp => crate::net::Transport::Tcp,
                        Transport::Tls { sni, close_notify } => crate::net::Transport::Tls { sni, close_notify },
                        Transport::Udp => crate::net::Transport::Udp,
                        Transport::Ping => crate::net::Transport::Ping,
                    };
                    self.connections.open(&self.reactor, key(attempt), &target, &over, heard);
                }
                Action::Send(attempt, octets) => {
                    self.connections.send(key(attempt), &octets, heard);
                }
                Action::Look(attempt, look) => self.look(attempt, *look, heard),
                Action::Resume(attempt) => self.connections.resume(&self.reactor, key(attempt), heard),
                Action::Close(attempt) => {
                    self.connections.close(key(attempt));
                    self.searches.cancel(key(attempt));
                }
                Action::RunScript { attempt, script, limit } => {
                    let program = Program::new(&script, self.check.tables.system.global.as_ref());
                    self.children.run(key(attempt), program, limit);
                }
                Action::KillScript(attempt) => self.children.cancel(key(attempt)),
                Action::Timer(timer, Some(at)) => self.timers.set(Timer::Machine(timer), at),
                Action::Timer(timer, None) => self.timers.clear(Timer::Machine(timer)),
                Action::Reconcile(id) => self.ipvs.mark(id),
            }
        }
        self.changes.extend(output.changes);
    }

    fn children_turn(&mut self) {
        let mut ended = Vec::new();
        self.children.events(&mut ended);
        for ChildEvent { key, outcome } in ended {
            let end = match outcome {
                Outcome::Lacking(reason) => {
                    self.postpone(attempt(key), &reason);
                    continue;
                }
                Outcome::Exited(status) => ScriptEnd::Exited(status),
                Outcome::Killed(signal) => ScriptEnd::Signalled(signal),
                Outcome::TimedOut => ScriptEnd::TimedOut,
                Outcome::NotStarted(reason) => ScriptEnd::NotStarted(reason),
            };
            self.check.handle(Event::ScriptEnded(attempt(key), end), self.now);
        }
    }

    fn look(&mut self, attempt: AttemptId, look: Look, heard: &mut Vec<NetEvent>) {
        let key = key(attempt);
        if self.searches.begin(key, look) {
            self.connections.pause(key);
        } else {
            self.connections.close(key);
            let what = What::Lacking("too many searches by regex are under way".to_owned());
            heard.push(NetEvent { key, what });
        }
    }

    fn searches_turn(&mut self) {
        let mut done = Vec::new();
        self.searches.events(&mut done);
        for (key, looked) in done {
            self.check.handle(Event::Looked(attempt(key), looked), self.now);
        }
    }

    fn files_turn(&mut self) {
        let mut changed = Vec::new();
        self.files.events(&mut changed);
        for FileEvent { name, number } in changed {
            self.check.handle(Event::FileValue { name: &name, value: number.into() }, self.now);
        }
    }

    /// Addresses of this host, for `ha_suspend`.
    fn kernel_turn(&mut self) -> io::Result<()> {
        let mut events = Vec::new();
        self.more_kernel = self.monitor.receive(&mut events).doing(WATCH)?;
        self.take_kernel_events(events);
        Ok(())
    }

    fn take_kernel_events(&mut self, events: Vec<KernelEvent>) {
        let now = self.now;
        for event in events {
            match event {
                KernelEvent::Snapshot(snapshot) => {
                    self.addresses.clear();
                    for address in snapshot.addresses {
                        *self.addresses.entry(address.ip).or_default() += 1;
                    }
                    self.check.handle(Event::Addresses(self.addresses.keys().copied().collect()), now);
                }
                // Told again when an address changes, so the count is only a hint; the monitor tells each loss once.
                KernelEvent::Address(address) => {
                    self.addresses.entry(address.ip).or_insert(1);
                    self.check.handle(Event::AddressPresent(address.ip), now);
                }
                KernelEvent::AddressGone(address) => {
                    let left = self.addresses.get(&address.ip).copied().unwrap_or(1).saturating_sub(1);
                    if left == 0 {
                        self.addresses.remove(&address.ip);
                        self.check.handle(Event::AddressGone(address.ip), now);
                    } else {
                        self.addresses.insert(address.ip, left);
                    }
                }
                KernelEvent::Link(_) | KernelEvent::LinkGone { .. } => {}
            }
        }
    }

    /// The views: log, scripts, mail, traps. None of them waits.
    fn show_changes(&mut self) {
        let now = self.now;
        if !self.changes.is_empty() && self.timers.deadline(Timer::Checkpoint).is_none() {
            self.timers.set(Timer::Checkpoint, now + CHECKPOINT_DELAY);
        }
        let changes = std::mem::take(&mut self.changes);
        let mut views: Vec<&mut dyn View<Check>> = vec![&mut self.log, &mut self.scripts, &mut self.mailer];
        views.extend(self.agent.as_mut().map(|agent| agent as &mut dyn View<Check>));
        tell(&changes, &self.check, now, &mut views);
    }

    fn agent_turn(&mut self, ready: bool) {
        let Some(agent) = &mut self.agent else { return };
        let now = self.now;
        if ready || agent.deadline().is_some_and(|at| at <= now) {
            agent.turn(&mut self.check, now, &self.reactor, &mut self.agent_token, &self.log);
            self.carry_out();
        }
    }

    fn obey(&mut self) -> io::Result<()> {
        for order in self.orders.read(&self.log)? {
            match order {
                Order::Stop => self.stop(STOP_LIMIT),
                Order::Dump(Dump::Data) => {
                    self.dumps.write(dump::check::DATA, dump::check::data(&self.check.tables));
                }
                // Statistics are those of VRRP.
                Order::Dump(_) => {}
                Order::Configure(_) if self.stopping != Stopping::No => {}
                Order::Configure(config) => self.configure(config)?,
            }
        }
        Ok(())
    }

    fn configure(&mut self, config: Box<Config>) -> io::Result<()> {
        self.check.handle(Event::Configure(config), self.now);
        self.orders.save_indices(&self.check.tables.indices(), &self.log);
        treatment::make_room(self.check.tables.checkers.len(), &self.log);
        self.load_tls()?;
        self.mailer.configure(self.check.tables.system.global.as_ref());
        // Gone with its descriptor in any case.
        let _ = self.reactor.deregister(&self.files);
        // Each file gives an event at the start, which checkers that are new wait for.
        self.files = Files::start(&self.check.tables.lvs.track_files).doing(WATCH_FILES)?;
        self.reactor.register(&self.files, FILES, Interest::READABLE)?;
        self.ipvs.set_timeouts(self.check.tables.lvs.timeouts);
        self.synchronise(&[SyncRole::Master, SyncRole::Backup]);
        self.carry_out();
        self.log.info("The new configuration is in force");
        self.orders.report_ready();
        Ok(())
    }

    /// `lvs_sync_daemon` that follows no instance.
    fn synchronise(&mut self, roles: &[SyncRole]) {
        let daemon = self.check.tables.lvs.sync_daemon.as_ref().filter(|daemon| daemon.instance.is_none());
        if let Err(error) = self.sync_daemon.want(daemon, roles, &self.reactor, &self.log) {
            self.log.error(format_args!("No IPVS synchronisation: {error}"));
        }
    }

    /// `limit` is the time for the kernel.
    fn stop(&mut self, limit: Duration) {
        let now = self.now;
        if !self.stopping.begin(now + limit, &self.log) {
            return;
        }
        self.stopped_at = now;
        self.timers.clear(Timer::Refresh);
        self.check.handle(Event::Stop, now);
        if !self.keep_services {
            self.ipvs.clear(&self.check, self.flush_on_stop);
        }
        self.synchronise(&[]);
        self.carry_out();
        self.show_changes();
    }

    fn stopping_turn(&mut self) {
        let released = self.sync_daemon.is_idle() && self.ipvs.is_idle();
        self.stopping.turn(self.now, released, "services", &mut self.agent, &self.log);
    }
}

/// An attempt in the terms of connections and scripts: 32 bits each for the virtual server, the real server and the
/// checker, since indices grow as long as the daemon lives.
fn key(attempt: AttemptId) -> Key {
    let ((VirtualServerId(service), server), checker) = attempt.checker;
    let id = u128::from(service) << 64 | u128::from(server) << 32 | u128::from(checker);
    Key { id, generation: attempt.number.into() }
}

/// The attempt of a key.
fn attempt(key: Key) -> AttemptId {
    let service = VirtualServerId((key.id >> 64) as u32);
    let (server, checker) = ((key.id >> 32) as u32, key.id as u32);
    AttemptId { checker: ((service, server), checker), number: key.generation as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_comes_back_from_its_key() {
        let one = AttemptId { checker: ((VirtualServerId(u32::MAX), u32::MAX - 1), u32::MAX - 2), number: u32::MAX };
        assert_eq!(attempt(key(one)), one);
    }
}
