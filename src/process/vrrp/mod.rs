//! The VRRP process: one loop around the machines.
//!
//! A turn: wait; received adverts and due timers first, then the kernel's events, then the views. Whatever has much
//! to do (announcements, kernel events, AgentX requests) does a bounded piece and asks for another turn.

mod announcer;
mod checkpoint;
mod sockets;
mod translate;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::kernel::ipvs::SyncRole;
use crate::kernel::{AddressRequest, KernelEvent, Monitor, VmacWriter, Watcher, Writer, sysctl};
use crate::mib;
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
use crate::reactor::{Events, Interest, Reactor, Signals, Timers, Token, clock};
use crate::vrrp::{Action, Change, Event, Held, InstanceId, Sequences, State, TimerKey, Vrrp};

use announcer::Announcer;
pub(super) use checkpoint::Checkpoint;
use sockets::{Outgoing, Sockets};

const ORDERS: Token = Token(0);
const MONITOR: Token = Token(1);
const WRITER: Token = Token(2);
const ADVERTS: Token = Token(3);
const SYNC: Token = Token(4);
const VMACS: Token = Token(5);
const SOCKETS: Token = Token(6);
const LOOK_UPS: Token = Token(7);
/// The agent counts on from here, one for each socket it opens.
const AGENT: Token = Token(1000);

/// Address requests that may be under way.
const WRITER_CAPACITY: usize = 1 << 20;
/// RFC 2741's default priority of a registration.
const PRIORITY: u8 = 127;
/// What fails when the kernel does not tell of interfaces and addresses.
const WATCH: &str = "watch interfaces and addresses";
/// How long the first look at the interfaces may take.
const DUMP_LIMIT: Duration = Duration::from_secs(5);
/// After a stop: time for the kernel to remove addresses.
const STOP_LIMIT: Duration = Duration::from_secs(4);
/// After a change the file of what is set is written; many changes make one file.
const HELD_DELAY: Duration = Duration::from_millis(100);
/// A socket that could not be opened is tried again after this time.
const SOCKET_RETRY: Duration = Duration::from_secs(1);

/// What the process is started with.
pub(super) struct Setup {
    pub(super) vrrp: Vrrp,
    pub(super) log: Log,
    pub(super) channel: Channel,
    /// AgentX master and how the user wrote it; `None` without SNMP.
    pub(super) agentx: Option<(snmp::transport::MasterAddress, String)>,
    /// `-V`.
    pub(super) keep_addresses: bool,
    /// Only to remove what a predecessor has left in the kernel.
    pub(super) clean_up: bool,
    /// What is set in the kernel.
    pub(super) held: Kept<Held>,
    /// Sequence numbers for the next start.
    pub(super) sequences: Kept<Sequences>,
    /// Of a predecessor.
    pub(super) checkpoint: Checkpoint,
    pub(super) signals: Signals,
}

/// The timers of the loop: those of the machines, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Machine(TimerKey),
    RetrySockets,
    /// The file of what is set is to be written.
    Held,
}

struct Process {
    vrrp: Vrrp,
    log: Log,
    reactor: Reactor,
    timers: Timers<Key>,
    orders: Orders,
    monitor: Watcher,
    writer: Writer,
    vmacs: VmacWriter,
    sockets: Sockets,
    announcer: Announcer,
    sysctls: sysctl::Changes,
    /// What VMACs have changed, for a replacement of this process.
    vmac_settings: sysctl::Changes,
    agent: Option<Agent<Vrrp>>,
    agent_token: Token,
    /// `lvs_sync_daemon`, when it follows an instance.
    sync_daemon: SyncDaemon,
    scripts: Runners,
    dumps: dump::Writer,
    mailer: Mailer,
    keep_addresses: bool,
    held: Kept<Held>,
    sequences: Kept<Sequences>,
    requests: Vec<AddressRequest>,
    changes: Vec<Change>,
    more_kernel: bool,
    /// Interfaces of instances have changed.
    links_changed: bool,
    /// Sockets may be open that no instance needs.
    prune_due: bool,
    /// The last error of each instance whose adverts cannot be sent.
    send_errors: BTreeMap<InstanceId, String>,
    /// It cleans up for a predecessor, and sends no adverts.
    silent: bool,
    stopping: Stopping,
    /// When the stop began.
    stopped_at: Duration,
    /// As last told to the parent.
    checkpoint: Checkpoint,
    /// Sequence numbers have gone on since.
    save_due: bool,
}

/// Descriptors that so many instances may take: a socket each where each has an interface of its own, and another while
/// that is made anew.
pub(super) fn descriptors(instances: usize) -> usize {
    instances.saturating_mul(2)
}

/// Runs until told to stop.
pub(super) fn run(setup: Setup) -> io::Result<()> {
    let Setup { vrrp, log, channel, agentx, keep_addresses, clean_up, checkpoint, held, sequences, signals } = setup;
    let reactor = Reactor::new().doing("open an event loop")?;
    let monitor = Monitor::open(DUMP_LIMIT).and_then(Watcher::start).doing(WATCH)?;
    let (sockets, announcer) = (Sockets::new(ADVERTS, log.clone()), Announcer::open());
    let (sockets, announcer) =
        (sockets.doing("start the thread of sockets")?, announcer.doing("open a socket for ARP")?);
    let writer = Writer::start(WRITER_CAPACITY).doing("open a socket for addresses")?;
    let Checkpoint { states, settings, vmac_settings } = checkpoint;
    let vmacs = VmacWriter::start_vmacs(WRITER_CAPACITY, vmac_settings.clone()).doing("open a socket for VMACs")?;
    let orders = Orders::new(signals, channel, &reactor, ORDERS).doing("listen to the parent process")?;
    reactor.register(&monitor, MONITOR, Interest::READABLE)?;
    reactor.register(&writer, WRITER, Interest::READABLE)?;
    reactor.register(&vmacs, VMACS, Interest::READABLE)?;
    reactor.register(&sockets, SOCKETS, Interest::READABLE)?;
    reactor.register(&announcer, LOOK_UPS, Interest::READABLE)?;
    let agent = match agentx {
        Some(master) => {
            let mib = mib::vrrp_mib().map_err(io::Error::other)?;
            let subtrees = mib::subtrees().into_iter().map(|subtree| (subtree, PRIORITY));
            Some(Agent::new(master, mib, mib::trap, subtrees, "Keepalived VRRP"))
        }
        None => None,
    };
    let mut process = Process {
        scripts: Runners::start(&[Origin::Transitions, Origin::Adverts], &log)?,
        dumps: dump::Writer::start(log.clone())?,
        mailer: Mailer::start(vrrp.tables.system.global.as_ref(), log.clone()),
        vrrp,
        log,
        reactor,
        timers: Timers::new(),
        orders,
        monitor,
        writer,
        vmacs,
        sockets,
        announcer,
        sysctls: settings,
        vmac_settings,
        agent,
        agent_token: AGENT,
        sync_daemon: SyncDaemon::new(SYNC),
        keep_addresses,
        held,
        sequences,
        requests: Vec::new(),
        changes: Vec::new(),
        more_kernel: true,
        links_changed: false,
        prune_due: false,
        send_errors: BTreeMap::new(),
        silent: clean_up,
        stopping: Stopping::No,
        stopped_at: Duration::ZERO,
        checkpoint: Checkpoint::default(),
        save_due: false,
    };
    let first = process.monitor.first(DUMP_LIMIT).doing(WATCH)?;
    process.see(first);
    if clean_up {
        process.vrrp.resume_to_stop(&states);
        process.stop(CLEAN_UP_LIMIT);
    } else {
        process.start();
    }
    process.run()
}

impl Process {
    fn start(&mut self) {
        self.orders.save_indices(&self.vrrp.tables.indices(), &self.log);
        let incomplete = self.sockets.open_all(&self.vrrp.tables, &self.reactor);
        self.retry_sockets(incomplete);
        self.promote_secondaries();
        self.vrrp.handle(Event::Start, clock::now());
        self.carry_out();
        self.links_changed = false;
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        let mut more = true;
        self.orders.report_ready();
        while !self.stopping.is_done() {
            let deadline = if more { Some(Duration::ZERO) } else { self.deadline() };
            self.reactor.wait(deadline, &mut events).doing("wait for events")?;
            more = self.adverts_turn();
            let mut agent_ready = false;
            for ready in events.iter() {
                match ready.token {
                    ORDERS => self.obey()?,
                    MONITOR => self.more_kernel = true,
                    WRITER => self.writer_turn(),
                    VMACS => self.vmacs_turn(),
                    SYNC => self.sync_daemon.turn(&self.log),
                    SOCKETS => self.sockets_turn(),
                    LOOK_UPS => {
                        if let Err(error) = self.announcer.look_up_turn() {
                            self.log.warning(format_args!("Cannot list link addresses: {error}"));
                        }
                    }
                    token => agent_ready |= token == self.agent_token,
                }
            }
            if self.more_kernel {
                self.kernel_turn()?;
            }
            self.carry_out();
            more |= self.more_kernel;
            self.show_changes();
            self.announcer.run(&self.vrrp.tables, self.timers.next_deadline());
            self.agent_turn(agent_ready);
            self.stopping_turn();
        }
        // The last VMAC took them along, unless it went with the interface below.
        let of_vmacs = if self.keep_addresses { Ok(()) } else { self.vmac_settings.restore_all() };
        if let Err(error) = self.sysctls.restore_all().and(of_vmacs) {
            self.log.warning(format_args!("Cannot put interface settings back: {error}"));
        }
        let held = self.vrrp.held();
        let released = self.keep_addresses || (self.stopping.has_released() && held.is_empty());
        self.held.save(&held);
        self.held.finish();
        self.sequences.save(&self.vrrp.sequences(true));
        self.sequences.finish();
        self.mailer.finish(FAREWELL_LIMIT);
        let global = self.vrrp.tables.system.global.as_ref();
        self.scripts.finish(time_for_scripts(self.stopped_at, clock::now(), global));
        if released { Ok(()) } else { Err(io::Error::other("not all addresses and VMACs could be removed")) }
    }

    fn deadline(&self) -> Option<Duration> {
        let agent = self.agent.as_ref().and_then(Agent::deadline);
        let deadlines = [self.timers.next_deadline(), self.announcer.deadline(), agent, self.stopping.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Received packets before timers: a backup that was held up must hear what waits before it thinks the master gone.
    fn adverts_turn(&mut self) -> bool {
        let more = self.sockets.receive(&mut self.vrrp, clock::now());
        self.carry_out_actions();
        let now = clock::now();
        while let Some(key) = self.timers.pop_due(now) {
            match key {
                Key::Machine(key) => {
                    self.vrrp.handle(Event::Timer(key), now);
                    self.carry_out_actions();
                }
                Key::RetrySockets => self.follow_links(),
                Key::Held => self.held.save(&self.vrrp.held()),
            }
        }
        self.submit_requests();
        more
    }

    fn carry_out(&mut self) {
        self.carry_out_actions();
        self.submit_requests();
        if std::mem::take(&mut self.prune_due) {
            self.sockets.prune(&self.vrrp.tables, &self.reactor);
        }
    }

    /// Adverts leave at once; addresses are gathered and follow.
    fn carry_out_actions(&mut self) {
        let output = self.vrrp.take_output();
        let mut homeless = Vec::new();
        for action in output.actions {
            match action {
                // Another router may be master by now.
                Action::Send { .. } if self.silent => {}
                Action::Send { instance, ifindex, source, ttl, messages, seal } => {
                    self.send(instance, Outgoing { ifindex, source, ttl, messages, seal });
                }
                Action::Timer(key, Some(at)) => self.timers.set(Key::Machine(key), at),
                Action::Timer(key, None) => self.timers.clear(Key::Machine(key)),
                Action::Address(id, op, secondaries) => {
                    let tables = &self.vrrp.tables;
                    let row = tables.addresses.get(&id);
                    match row.and_then(|row| translate::request(id, op, row, secondaries, &tables.interfaces)) {
                        Some(request) => self.requests.push(request),
                        None => homeless.push((id, op)),
                    }
                }
                Action::Withdraw(row, secondaries) => {
                    let links = &self.vrrp.tables.interfaces;
                    self.requests.extend(translate::withdrawal(&row, secondaries, links));
                }
                Action::Vmac { id, op, link } => {
                    // There are never as many as would fill the queue: a row has one request under way.
                    let _ = self.vmacs.submit(vec![translate::vmac_request(id, op, *link)]);
                }
                Action::Announce(id, count) => self.announcer.push(id, count, &self.vrrp.tables),
                Action::CancelAnnouncements(id) => self.announcer.cancel(id),
            }
        }
        self.changes.extend(output.changes);
        self.save_due |= output.save;
        self.links_changed |= output.links;
        // The interface went between the wish and now; a row waits for its answer all the same.
        if !homeless.is_empty() {
            for (id, op) in homeless {
                let result = Err("its interface is gone".to_owned());
                self.vrrp.handle(Event::AddressDone { id, op, result }, clock::now());
            }
            self.carry_out_actions();
        }
    }

    /// Sends an advert. The same error of an instance is told once.
    fn send(&mut self, id: InstanceId, advert: Outgoing) {
        let ifindex = advert.ifindex;
        let Err(error) = self.sockets.send(id, advert) else {
            self.send_errors.remove(&id);
            return;
        };
        let error = error.to_string();
        if self.send_errors.get(&id) != Some(&error) {
            let tables = &self.vrrp.tables;
            let name = tables.instances.get(&id).map_or("?", |row| &row.config.name);
            let interface = tables.interfaces.name(ifindex);
            self.log.warning(format_args!("({name}) Cannot send advert on {interface}: {error}"));
            self.send_errors.insert(id, error);
        }
    }

    fn submit_requests(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let requests = std::mem::take(&mut self.requests);
        if let Err(full) = self.writer.submit(requests) {
            let now = clock::now();
            for request in full.requests {
                let (id, op) = (translate::address_id(request.token), translate::address_op(request.op));
                let result = Err("too many requests are waiting for the kernel".into());
                self.vrrp.handle(Event::AddressDone { id, op, result }, now);
            }
            self.carry_out_actions();
        }
    }

    fn writer_turn(&mut self) {
        let mut results = Vec::new();
        self.writer.results(&mut results);
        let now = clock::now();
        for result in results {
            if let Some(complaint) = &result.complaint {
                self.log.warning(complaint);
            }
            self.vrrp.handle(translate::address_done(result), now);
        }
    }

    fn vmacs_turn(&mut self) {
        let mut results = Vec::new();
        self.vmacs.results(&mut results);
        for result in results {
            if let Some(complaint) = &result.complaint {
                self.log.warning(format_args!("VMAC {}: {complaint}", result.request.name));
            }
            if self.vmac_settings != result.settings {
                self.vmac_settings.clone_from(&result.settings);
                self.save_due = true;
            }
            if let Some(event) = translate::vmac_done(result) {
                self.vrrp.handle(event, clock::now());
            }
        }
        self.follow_links();
    }

    /// A few messages of the kernel; adverts have their turn before the next.
    fn kernel_turn(&mut self) -> io::Result<()> {
        let mut events = Vec::new();
        self.more_kernel = self.monitor.receive(&mut events).doing(WATCH)?;
        self.see(events);
        self.carry_out_actions();
        if std::mem::take(&mut self.links_changed) {
            self.follow_links();
        }
        Ok(())
    }

    fn see(&mut self, events: Vec<KernelEvent>) {
        for event in events {
            self.vrrp.handle(translate::event(event), clock::now());
        }
    }

    fn follow_links(&mut self) {
        self.sockets.follow(&self.vrrp.tables);
        self.prune_due = true;
        self.promote_secondaries();
    }

    fn retry_sockets(&mut self, incomplete: bool) {
        if incomplete {
            self.timers.set(Key::RetrySockets, clock::now() + SOCKET_RETRY);
        }
    }

    fn sockets_turn(&mut self) {
        let incomplete = self.sockets.turn(&self.vrrp.tables, &self.reactor);
        self.retry_sockets(incomplete);
        for (id, advert) in self.sockets.take_waiting() {
            self.send(id, advert);
        }
    }

    /// `promote_secondaries`: removing a primary address shall not take the others of its subnet along.
    fn promote_secondaries(&mut self) {
        for row in
            self.vrrp.tables.instances.values().filter(|row| row.config.promote_secondaries && row.ifindex.is_some())
        {
            let interface = &row.config.interface;
            if let Err(error) = self.sysctls.set(sysctl::Tree::Ipv4, interface, "promote_secondaries", "1") {
                self.log.warning(format_args!("Cannot set promote_secondaries of {interface}: {error}"));
            }
        }
    }

    /// The views: log, scripts, mail, traps. None of them waits.
    fn show_changes(&mut self) {
        let now = clock::now();
        if !self.changes.is_empty() || self.save_due {
            self.save_due = false;
            self.save_checkpoint();
            self.synchronise();
            if self.timers.deadline(Key::Held).is_none() {
                self.timers.set(Key::Held, now + HELD_DELAY);
            }
        }
        let changes = std::mem::take(&mut self.changes);
        let mut views: Vec<&mut dyn View<Vrrp>> = vec![&mut self.log, &mut self.scripts, &mut self.mailer];
        views.extend(self.agent.as_mut().map(|agent| agent as &mut dyn View<Vrrp>));
        tell(&changes, &self.vrrp, now, &mut views);
    }

    /// Before the views: a replacement that goes on as master must know before anyone is told.
    fn save_checkpoint(&mut self) {
        let checkpoint = Checkpoint {
            states: self.vrrp.checkpoint(),
            settings: self.sysctls.clone(),
            vmac_settings: self.vmac_settings.clone(),
        };
        if checkpoint != self.checkpoint {
            self.orders.save_checkpoint(&checkpoint, &self.log);
            self.checkpoint = checkpoint;
        }
        self.sequences.save(&self.vrrp.sequences(false));
    }

    /// The IPVS synchronisation follows its instance.
    fn synchronise(&mut self) {
        let tables = &self.vrrp.tables;
        let daemon = tables.sync_daemon.as_ref().filter(|daemon| daemon.instance.is_some());
        let name = daemon.and_then(|daemon| daemon.instance.as_deref());
        let followed = tables.instances.values().find(|row| Some(row.config.name.as_str()) == name);
        let stopping = self.stopping != Stopping::No;
        let roles: &[SyncRole] = match followed.map(|row| row.state) {
            // What a predecessor of this process left goes on until it is known what is to be.
            Some(State::Init) if !stopping => return,
            Some(State::Master) => &[SyncRole::Master],
            Some(State::Backup | State::Fault) => &[SyncRole::Backup],
            _ => &[],
        };
        if let Err(error) = self.sync_daemon.want(daemon, roles, &self.reactor, &self.log) {
            self.log.error(format_args!("No IPVS synchronisation: {error}"));
        }
    }

    fn agent_turn(&mut self, ready: bool) {
        let Some(agent) = &mut self.agent else { return };
        let now = clock::now();
        if ready || agent.deadline().is_some_and(|at| at <= now) {
            agent.turn(&mut self.vrrp, now, &self.reactor, &mut self.agent_token, &self.log);
            self.carry_out();
        }
    }

    fn obey(&mut self) -> io::Result<()> {
        for order in self.orders.read(&self.log)? {
            match order {
                Order::Stop => self.stop(STOP_LIMIT),
                Order::Dump(what) => self.dump(what),
                Order::Configure(_) if self.stopping != Stopping::No => {}
                Order::Configure(config) => {
                    treatment::make_room(descriptors(config.instances.len()), &self.log);
                    self.vrrp.handle(Event::Configure(config), clock::now());
                    self.orders.save_indices(&self.vrrp.tables.indices(), &self.log);
                    self.mailer.configure(self.vrrp.tables.system.global.as_ref());
                    self.follow_links();
                    self.carry_out();
                    // Before the next event, which forgets removed instances.
                    self.show_changes();
                    self.synchronise();
                    self.log.info("The new configuration is in force");
                    self.orders.report_ready();
                }
            }
        }
        Ok(())
    }

    fn dump(&mut self, what: Dump) {
        let tables = &self.vrrp.tables;
        match what {
            Dump::Data => self.dumps.write(dump::vrrp::DATA, dump::vrrp::data(tables, clock::now())),
            Dump::Statistics | Dump::ClearStatistics => {
                self.dumps.write(dump::vrrp::STATISTICS, dump::vrrp::statistics(tables));
            }
        }
        if what == Dump::ClearStatistics {
            self.vrrp.tables.clear_counters();
        }
    }

    /// `limit` is the time for the kernel.
    fn stop(&mut self, limit: Duration) {
        let now = clock::now();
        if !self.stopping.begin(now + limit, &self.log) {
            return;
        }
        self.stopped_at = now;
        self.vrrp.handle(Event::Stop { keep_addresses: self.keep_addresses }, now);
        self.carry_out();
        self.show_changes();
    }

    fn stopping_turn(&mut self) {
        let released = self.sync_daemon.is_idle() && self.vrrp.is_stopped();
        self.stopping.turn(clock::now(), released, "addresses", &mut self.agent, &self.log);
    }
}
