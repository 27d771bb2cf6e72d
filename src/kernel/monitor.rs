//! The monitor: every change of links, addresses, routes and rules, and a complete snapshot after a loss of notifications.
//!
//! The kernel drops notifications when the socket's buffer is full and reports that once (`ENOBUFS`); it continues to
//! drop notifications silently until the socket has been read empty. So after an overflow the monitor first reads the
//! socket empty and then dumps its tables one after the other. The dump and the notifications are ordered, as they share
//! a socket:
//!
//! ```text
//! Watching --overflow--> Draining --queue empty--> Dumping 0 --DONE--> Dumping 1 --DONE--> ... --DONE--> Watching
//!                           ^                          |                   |
//!                           +------ overflow, error, or the table changed during the dump
//! ```
//!
//! Notifications that arrive during a dump are passed on at once. They are also applied to the result of the dump, as
//! the last notification of a row is newer than the dump.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;

use super::attributes::i32_at;
use super::decode::decode;
use super::event::KernelEvent;
use super::netlink::{Message, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN, NetlinkSocket, messages};
use super::resync::Dump;
use super::route_filter;
use super::silent::Dependencies;
use super::sources::Source;
use super::watched::WatchedTables;
use crate::config::model::ReceiveBuffer;
use crate::reactor::clock;

/// Receive buffer: about 10 000 notifications, for each of which the kernel charges about 800 octets.
const RECEIVE_BUFFER: ReceiveBuffer = ReceiveBuffer { octets: Some(8 << 20), force: true };
/// Longest datagram accepted; the kernel limits those of dumps to 32 KiB.
const DATAGRAM: usize = 64 << 10;
/// Consecutive failed dumps before the monitor gives up the socket.
const DUMP_FAILURES: u32 = 8;

/// Watches tables of the network namespace it was opened in.
pub struct Monitor {
    socket: NetlinkSocket<OwnedFd>,
    /// Port ID of the socket, which is in the kernel's replies.
    port: u32,
    buffer: Vec<u8>,
    /// Events found while opening.
    ready: Vec<KernelEvent>,
    tables: WatchedTables,
    /// The watched tables, in the order of their dumps.
    sources: Vec<&'static Source>,
    dependencies: Dependencies,
    phase: Phase,
    dump: Dump,
    seq: u32,
    failures: u32,
    overflows: u64,
}

/// Phase of a resynchronisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Watching,
    Draining,
    /// The table that is dumped: its number in `sources`.
    Dumping(usize),
}

impl Monitor {
    /// Subscribes to notifications and dumps all links and addresses, which may take `timeout` at most.
    ///
    /// The first [`receive`](Monitor::receive) returns them as a snapshot: call it once before the first wait.
    pub fn open(timeout: Duration) -> io::Result<Monitor> {
        Monitor::watching(timeout, WatchedTables::default())
    }

    /// As [`open`](Monitor::open), with a receive buffer of `octets` (the kernel doubles it).
    pub fn with_buffer(timeout: Duration, octets: u32) -> io::Result<Monitor> {
        Monitor::with(timeout, octets, WatchedTables::default())
    }

    /// As [`watching`](Monitor::watching), with a receive buffer of `octets` (the kernel doubles it).
    pub fn with(timeout: Duration, octets: u32, tables: WatchedTables) -> io::Result<Monitor> {
        let buffer = ReceiveBuffer { octets: Some(octets), force: true };
        Monitor::watching(timeout, WatchedTables { buffer, ..tables })
    }

    /// As [`open`](Monitor::open), and watches more tables.
    pub fn watching(timeout: Duration, tables: WatchedTables) -> io::Result<Monitor> {
        let sources = tables.sources();
        let groups: Vec<u32> = sources.iter().flat_map(|source| source.groups).copied().collect();
        let filter = if tables.routes { route_filter::filter(&tables.protocols) } else { None };
        let buffer = if tables.buffer.octets.is_some() { tables.buffer } else { RECEIVE_BUFFER };
        let socket = NetlinkSocket::listen(&groups, buffer, filter.as_deref())?;
        let mut monitor = Monitor {
            port: socket.port()?,
            socket,
            buffer: vec![0; DATAGRAM],
            ready: Vec::new(),
            tables,
            sources,
            dependencies: Dependencies::default(),
            phase: Phase::Draining,
            dump: Dump::default(),
            seq: 0,
            failures: 0,
            overflows: 0,
        };
        let deadline = clock::now().saturating_add(timeout);
        let mut events = Vec::new();
        loop {
            let more = monitor.receive(64, &mut events)?;
            if monitor.phase == Phase::Watching {
                break;
            }
            let left = deadline.saturating_sub(clock::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if !more {
                monitor.socket.wait_readable(left)?;
            }
        }
        monitor.ready = events;
        Ok(monitor)
    }

    /// Reads at most `budget` datagrams (of one or more events each) and appends their events to `events`.
    ///
    /// `true` when the budget ran out: there may be more, without a further edge. After an error the socket is unusable:
    /// open another monitor.
    pub fn receive(&mut self, budget: usize, events: &mut Vec<KernelEvent>) -> io::Result<bool> {
        events.append(&mut self.ready);
        let mut buffer = mem::take(&mut self.buffer);
        let result = self.receive_into(&mut buffer, budget, events);
        self.buffer = buffer;
        result
    }

    /// Waits for a datagram, at most for `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<()> {
        self.socket.wait_readable(timeout)
    }

    /// Number of overflows so far, each of which caused a new dump.
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    fn receive_into(&mut self, buffer: &mut [u8], budget: usize, events: &mut Vec<KernelEvent>) -> io::Result<bool> {
        for _ in 0..budget {
            match self.socket.receive(buffer) {
                Ok(datagram) => {
                    for message in messages(datagram) {
                        self.handle(&message, events)?;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => match self.phase {
                    Phase::Draining => self.start_dump(events)?,
                    Phase::Watching | Phase::Dumping(_) => return Ok(false),
                },
                Err(e) if e.raw_os_error() == Some(Errno::ENOBUFS as i32) || e.kind() == io::ErrorKind::InvalidData => {
                    self.overflowed();
                }
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    fn handle(&mut self, message: &Message<'_>, events: &mut Vec<KernelEvent>) -> io::Result<()> {
        if message.kind == NLMSG_OVERRUN {
            self.overflowed();
        } else if message.port == self.port {
            if message.seq == self.seq {
                self.handle_reply(message, events)?;
            }
        } else if let Some(event) = decode(message, &self.tables) {
            if self.phase != Phase::Watching {
                self.dump.note(&event);
            }
            if self.tables.routes && self.dependencies.lose(&event) {
                self.dump_again();
            }
            events.push(event);
        }
        Ok(())
    }

    /// Dumps the tables again: routes may be gone without a notification.
    fn dump_again(&mut self) {
        match self.phase {
            Phase::Watching => self.phase = Phase::Draining,
            Phase::Dumping(_) => self.dump.interrupted = true,
            Phase::Draining => {}
        }
    }

    /// Handles a message of the running dump.
    fn handle_reply(&mut self, message: &Message<'_>, events: &mut Vec<KernelEvent>) -> io::Result<()> {
        let Phase::Dumping(at) = self.phase else { return Ok(()) };
        self.dump.interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
        match message.kind {
            NLMSG_DONE if i32_at(message.payload, 0).is_some_and(|error| error < 0) => {
                return self.dump_failed(i32_at(message.payload, 0));
            }
            // Rows may have been skipped: dump again. This does not count as a failure.
            NLMSG_DONE if self.dump.interrupted => self.phase = Phase::Draining,
            NLMSG_DONE => self.dump_table(at.saturating_add(1), events)?,
            NLMSG_ERROR => return self.dump_failed(i32_at(message.payload, 0)),
            kind if self.sources.get(at).is_some_and(|source| source.has(kind, message.payload)) => {
                self.dump.rows.extend(decode(message, &self.tables));
            }
            _ => {}
        }
        Ok(())
    }

    fn overflowed(&mut self) {
        self.overflows = self.overflows.saturating_add(1);
        self.phase = Phase::Draining;
    }

    fn dump_failed(&mut self, error: Option<i32>) -> io::Result<()> {
        self.failures = self.failures.saturating_add(1);
        if self.failures > DUMP_FAILURES {
            let errno = error.unwrap_or(0).saturating_neg();
            return Err(io::Error::from_raw_os_error(errno));
        }
        self.phase = Phase::Draining;
        Ok(())
    }

    /// Requests a dump of all tables.
    fn start_dump(&mut self, events: &mut Vec<KernelEvent>) -> io::Result<()> {
        self.dump = Dump::default();
        self.dump_table(0, events)
    }

    /// Requests the dump of the table with this number; after the last one the snapshot is complete.
    fn dump_table(&mut self, at: usize, events: &mut Vec<KernelEvent>) -> io::Result<()> {
        let Some(source) = self.sources.get(at) else {
            self.phase = Phase::Watching;
            self.failures = 0;
            let snapshot = mem::take(&mut self.dump).finish();
            if self.tables.routes {
                self.dependencies.take(&snapshot);
            }
            events.push(KernelEvent::Snapshot(snapshot));
            return Ok(());
        };
        self.seq = self.seq.wrapping_add(1).max(1);
        self.socket.send(&source.dump(self.seq))?;
        self.phase = Phase::Dumping(at);
        Ok(())
    }
}

impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Snapshot;
    use super::super::netlink::NLM_F_DUMP_INTR;
    use super::super::rtnetlink::{RTM_DELLINK, RTM_NEWADDR, RTM_NEWLINK};
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A link message: `ifinfomsg` and a name.
    fn link(index: u8, name: &str, up: bool) -> Vec<u8> {
        let mut payload = vec![0; 16];
        payload[4] = index;
        payload[8] = u8::from(up);
        payload.extend([u8::try_from(name.len()).unwrap() + 5, 0, 3, 0]);
        payload.extend(name.as_bytes());
        payload.push(0);
        payload.resize(payload.len().next_multiple_of(4), 0);
        payload
    }

    struct Script {
        monitor: Monitor,
        events: Vec<KernelEvent>,
    }

    impl Script {
        fn new() -> Script {
            let monitor = Monitor::open(TIMEOUT).unwrap();
            Script { monitor, events: Vec::new() }
        }

        /// Handles a message of the running dump.
        fn reply(&mut self, kind: u16, flags: u16, payload: &[u8]) -> &mut Script {
            let (seq, port) = (self.monitor.seq, self.monitor.port);
            self.handle(Message { kind, flags, seq, port, payload })
        }

        fn notify(&mut self, kind: u16, payload: &[u8]) -> &mut Script {
            self.handle(Message { kind, flags: 0, seq: self.monitor.seq, port: 0, payload })
        }

        fn handle(&mut self, message: Message<'_>) -> &mut Script {
            self.monitor.handle(&message, &mut self.events).unwrap();
            self
        }

        fn snapshots(&self) -> Vec<&Snapshot> {
            let snapshots = self.events.iter().filter_map(|event| match event {
                KernelEvent::Snapshot(snapshot) => Some(snapshot),
                _ => None,
            });
            snapshots.collect()
        }
    }

    const DONE: &[u8] = &[0; 4];

    #[test]
    fn notifications_during_a_dump_correct_it() {
        let mut script = Script::new();
        script.monitor.phase = Phase::Dumping(0);
        script.reply(RTM_NEWLINK, 2, &link(1, "stays", false)).notify(RTM_DELLINK, &link(2, "goes", false));
        script.notify(RTM_NEWLINK, &link(3, "comes", true)).notify(RTM_NEWLINK, &link(1, "stays", true));
        // The dump still has the state from before the notifications.
        script.reply(RTM_NEWLINK, 2, &link(2, "goes", false)).reply(NLMSG_DONE, 2, DONE).reply(NLMSG_DONE, 2, DONE);
        let snapshots = script.snapshots();
        assert_eq!(snapshots.len(), 1);
        let links: Vec<_> = snapshots[0].links.iter().map(|l| (l.name.as_str(), l.admin_up)).collect();
        assert_eq!(links, [("stays", true), ("comes", true)]);
        // The notifications were also passed on at once.
        assert_eq!(script.events.len(), 4);
    }

    #[test]
    fn an_interrupted_dump_is_discarded() {
        for at in 0..4 {
            let mut script = Script::new();
            script.monitor.phase = Phase::Dumping(0);
            let flags = |n| if n == at { NLM_F_DUMP_INTR | 2 } else { 2 };
            script.reply(RTM_NEWLINK, flags(0), &link(1, "a", true)).reply(NLMSG_DONE, flags(1), DONE);
            if script.monitor.phase == Phase::Dumping(1) {
                script.reply(RTM_NEWADDR, flags(2), &[2, 24, 0, 0, 1, 0, 0, 0]).reply(NLMSG_DONE, flags(3), DONE);
            }
            assert_eq!(script.monitor.phase, Phase::Draining, "interrupted at {at}");
            assert!(script.snapshots().is_empty());
        }
    }

    #[test]
    fn a_failed_dump_is_repeated_a_few_times() {
        let mut script = Script::new();
        let busy = (-(Errno::EBUSY as i32)).to_ne_bytes();
        for failure in 0..=DUMP_FAILURES {
            script.monitor.phase = Phase::Dumping(0);
            let (seq, port) = (script.monitor.seq, script.monitor.port);
            let kind = if failure % 2 == 0 { NLMSG_ERROR } else { NLMSG_DONE };
            let message = Message { kind, flags: 0, seq, port, payload: &busy };
            let result = script.monitor.handle(&message, &mut script.events);
            assert_eq!(result.is_ok(), failure < DUMP_FAILURES);
            assert!(result.is_err() || script.monitor.phase == Phase::Draining);
        }
    }

    #[test]
    fn rows_of_an_abandoned_dump_are_not_in_the_snapshot() {
        let mut script = Script::new();
        script.monitor.phase = Phase::Dumping(0);
        let (seq, port) = (script.monitor.seq - 1, script.monitor.port);
        let old = link(9, "old", true);
        script.handle(Message { kind: RTM_NEWLINK, flags: 2, seq, port, payload: &old });
        script.handle(Message { kind: NLMSG_DONE, flags: 2, seq, port, payload: DONE });
        assert_eq!(script.monitor.phase, Phase::Dumping(0));
        script.handle(Message { kind: NLMSG_OVERRUN, flags: 0, seq: 0, port: 0, payload: &[] });
        assert_eq!((script.monitor.phase, script.monitor.overflows()), (Phase::Draining, 1));
        // The rest of a dump after an overrun is read and ignored.
        script.reply(RTM_NEWLINK, 2, &old).reply(NLMSG_DONE, 2, DONE);
        assert_eq!(script.monitor.phase, Phase::Draining);
        let mut events = Vec::new();
        while script.monitor.phase != Phase::Watching {
            script.monitor.receive(8, &mut events).unwrap();
        }
        let Some(KernelEvent::Snapshot(snapshot)) = events.last() else { panic!("{events:?}") };
        assert!(snapshot.links.iter().any(|link| link.name == "lo"));
        assert!(snapshot.links.iter().all(|link| link.name != "old"));
    }
}
