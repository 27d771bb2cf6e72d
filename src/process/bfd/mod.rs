//! The BFD process: its sockets and timers. The [harness](super::harness) provides the event loop.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::cli;
use super::harness::{ChildStart, Harness, Kind, Pace, Parts, Process, Shell, token, usable};
use super::sessions::{Listener, Publisher};
use super::tuning::{self, Tuning};
use crate::bfd::{self, Action, Bfd, Change, Event, Received, SessionId, Tables, TimerKey};
use crate::config::VirtualServers;
use crate::config::model::{Config, Family};
use crate::kernel::{BfdSockets, capabilities};
use crate::notify::dump::{self, Dump, DumpFile, Setting};
use crate::notify::log::Log;
use crate::notify::status;
use crate::process::needs;
use crate::reactor::{Ready, Token};
use crate::status::{Clock, Part};
use crate::text::reason;
use crate::wire::bfd::MULTIHOP_PORT;

const PACKETS: Token = token(0);
const LINKS: Token = token(1);

/// Delay before another attempt to listen on a port.
const LISTEN_RETRY: Duration = Duration::from_secs(1);

/// Properties of the BFD process.
pub(super) const KIND: Kind = Kind {
    word: "bfd",
    name: "BFD",
    ident: "Keepalived_bfd",
    process_name: c"keepalived_bfd",
    network: capabilities::BFD,
    capabilities: |options, config| needs::common(options, &config.global.bfd_process, config.bfd_needs(), false),
    pid_file: "bfd",
    log_file: "bfd",
    given_pid_file: |options| options.bfd_pid_file.as_ref(),
    configured: |config| !config.bfd.is_empty(),
    allowed: |options| !options.no_bfd,
    // Less than a usual detection time.
    begins_within: Duration::from_millis(250),
    leftovers: |_, _| Vec::new(),
    usable: usable::<bfd::Indices, bfd::Checkpoint>,
    run,
};

/// The timers of the machine, and of the process itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Machine(TimerKey),
    Listen,
}

type Loop = Shell<BfdProcess>;

struct BfdProcess {
    bfd: Bfd,
    sockets: BfdSockets,
    /// Ports on which the process cannot listen, with the reason last logged.
    refused: BTreeMap<(Family, u16), String>,
    publisher: Publisher,
    /// Sessions whose detection timer has expired; they are down unless the sockets have packets of them.
    silent: Vec<SessionId>,
}

fn run(start: ChildStart<'_>) -> io::Result<()> {
    let (indices, checkpoint) = start.predecessor::<BfdProcess>();
    let ChildStart { config, clean_up, locked, dumps, channel, signals, log, .. } = start;
    let global = &config.global;
    let settings = global.bfd_process.clone();
    let descriptors = config.bfd.len();
    let auto_priority = tuning::apply(Tuning { settings, descriptors }, &log);
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let mut bfd = Bfd::new(Tables::numbered(config, cli::version_text(), indices), seed);
    bfd.resume(&checkpoint);
    let process = BfdProcess {
        bfd,
        sockets: BfdSockets::new(PACKETS),
        refused: BTreeMap::new(),
        publisher: Publisher::new(LINKS),
        silent: Vec::new(),
    };
    let shell = Shell::new(auto_priority, log)?;
    let (agents, views, held) = (None, Vec::new(), None);
    Harness::new(Parts {
        process,
        shell,
        signals,
        channel,
        agents,
        views,
        held,
        clean_up,
        dumps,
        pid_file: Some(locked),
    })?
    .run()
}

impl Process for BfdProcess {
    type Machines = Bfd;
    type Timer = Timer;
    type Indices = bfd::Indices;
    type Checkpoint = bfd::Checkpoint;
    /// It adds no entries to the kernel.
    type Held = ();

    const PACE: Pace = Pace::Punctual;
    const HOLDS: &'static str = "BFD sessions";
    const STOP_LIMIT: Duration = Duration::from_secs(2);
    const CHECKPOINT_DELAY: Duration = Duration::ZERO;
    const HELD_DELAY: Duration = Duration::ZERO;

    fn machines(&self) -> &Bfd {
        &self.bfd
    }

    fn machines_mut(&mut self) -> &mut Bfd {
        &mut self.bfd
    }

    fn indices(&self) -> bfd::Indices {
        self.bfd.tables().indices()
    }

    fn start(&mut self, clean_up: bool, shell: &mut Loop) -> io::Result<()> {
        if !clean_up {
            self.listen(shell);
            self.bfd.handle(Event::Start, shell.now());
        }
        Ok(())
    }

    /// Reads the sockets before it reports an expired detection timer: a packet may have waited while the process was
    /// held up.
    fn receive(&mut self, _ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        let silent = std::mem::take(&mut self.silent);
        let more = self.sockets.receive(|port, packet| {
            let (multihop, source, ttl, payload) = (port == MULTIHOP_PORT, packet.source, packet.ttl, packet.payload);
            self.bfd.handle(Event::Packet(Received { multihop, source, ttl, payload }), shell.now());
        });
        if more {
            shell.again();
        }
        for id in silent {
            self.bfd.handle(Event::Timer(TimerKey::Detection(id)), shell.now());
        }
        self.carry_out(shell);
        Ok(())
    }

    fn timer(&mut self, timer: Timer, now: Duration, shell: &mut Loop) {
        match timer {
            Timer::Machine(TimerKey::Detection(id)) => {
                self.silent.push(id);
                shell.again();
            }
            Timer::Machine(key) => {
                self.bfd.handle(Event::Timer(key), now);
                self.carry_out(shell);
            }
            Timer::Listen => self.listen(shell),
        }
    }

    fn settle(&mut self, shell: &mut Loop) {
        self.carry_out(shell);
    }

    /// Reports sessions to the listeners; the parent has the checkpoint by now. A stopping process reports nothing: the
    /// listeners stop too, or its successor reports.
    fn reconcile(&mut self, _changed: bool, shell: &mut Loop) {
        if !shell.is_stopping() {
            self.publisher.flush(self.bfd.tables(), &shell.log);
        }
    }

    fn connect(&mut self, listener: Listener, link: OwnedFd, shell: &mut Loop) -> io::Result<()> {
        self.publisher.connect(listener, link, self.bfd.tables(), &shell.reactor)
    }

    fn configure(&mut self, config: Box<Config>, _servers: VirtualServers, shell: &mut Loop) -> io::Result<()> {
        tuning::make_room(config.bfd.len(), &shell.log);
        self.bfd.handle(Event::Configure(config), shell.now());
        self.listen(shell);
        self.publisher.mark_all(self.bfd.tables());
        Ok(())
    }

    fn status(&self, _clock: Clock) -> Option<Part> {
        Some(Part::Bfd(status::bfd(self.bfd.tables())))
    }

    fn dump(&mut self, what: Dump, clock: Clock, setting: &Setting) -> Option<(DumpFile, String)> {
        let sockets =
            dump::bfd::BfdSockets { receiving: self.sockets.receiving(), sending: self.sockets.sending().collect() };
        let data = || dump::bfd::data(self.bfd.tables(), clock, setting, &sockets);
        (what == Dump::Data).then(|| (DumpFile::Bfd, data()))
    }

    fn checkpoint(&mut self) -> bfd::Checkpoint {
        self.bfd.checkpoint()
    }

    fn last_checkpoint(&mut self) -> bfd::Checkpoint {
        self.bfd.last_checkpoint()
    }

    /// Only one process can listen on the ports.
    fn keep_still(&mut self) {
        self.sockets = BfdSockets::new(PACKETS);
    }

    fn resume(&mut self, shell: &mut Loop) {
        self.listen(shell);
    }

    fn held(&self) {}

    fn stop(&mut self, shell: &mut Loop) {
        self.bfd.handle(Event::Stop, shell.now());
    }

    fn is_released(&self) -> bool {
        self.bfd.is_stopped()
    }

    fn end(self, _released: bool, _log: &Log) -> bool {
        true
    }
}

impl BfdProcess {
    fn listen(&mut self, shell: &mut Loop) {
        let sessions = self.bfd.tables().sessions.values();
        let wanted: BTreeSet<(Family, u16)> =
            sessions.map(|row| (Family::of(row.config.neighbor), row.port())).collect();
        let mut refused = BTreeMap::new();
        for (key, error) in self.sockets.listen(&wanted, &shell.reactor) {
            let remedy =
                if error.kind() == ErrorKind::AddrInUse { "; stop the other BFD daemon of this host" } else { "" };
            let reason = format!("{error}{remedy}");
            if self.refused.get(&key) != Some(&reason) {
                let (family, port) = (key.0.name(), key.1);
                shell.log.error(format_args!("Cannot listen on UDP port {port} of {family}: {reason}; trying again"));
            }
            refused.insert(key, reason);
        }
        let again = (!refused.is_empty()).then(|| shell.now() + LISTEN_RETRY);
        self.refused = refused;
        shell.set_timer(Timer::Listen, again);
    }

    fn carry_out(&mut self, shell: &mut Loop) {
        let output = self.bfd.take_output();
        let mut sent = Vec::new();
        for action in output.actions {
            match action {
                Action::Send { id, destination, port, source, ttl, octets } => {
                    let result = self.sockets.send(id.0, SocketAddr::new(destination, port), source, ttl, &octets);
                    sent.push((id, result.map_err(|error| reason(&error))));
                }
                Action::Close(id) => self.sockets.close(id.0),
                Action::Timer(key, at) => shell.set_timer(Timer::Machine(key), at),
            }
        }
        for change in &output.changes {
            if let Change::State { id, .. } | Change::Timing { id, .. } = change {
                self.publisher.mark(*id);
            }
        }
        shell.report(output.changes);
        // The machine answers these events with changes, not with actions.
        sent.into_iter().for_each(|(id, result)| self.bfd.handle(Event::Sent(id, result), shell.now()));
        shell.report(self.bfd.take_output().changes);
    }
}
