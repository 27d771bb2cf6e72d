//! The AgentX session of a process: a view that may fail, lag or be absent without the machines noticing.

use std::io::ErrorKind;
use std::time::Duration;

use snmp::link::{Interest as Watch, Link};
use snmp::session::{Event, Lost};
use snmp::transport::MasterAddress;
use snmp::{Config, Mib, Notification, Oid, Registration, Session};

use super::tokens::AGENT;
use crate::mib::{self, Trap};
use crate::notify::log::Log;
use crate::notify::view::{Reporter, View};
use crate::reactor::{Interest, Reactor, Token};

/// Requests answered before adverts have their turn again.
const BUDGET: usize = 8;

/// An AgentX session as the loop has it: a view, that also answers.
pub(in crate::process) trait Subagent<M: Reporter>: View<M> {
    /// Whether this is the token of its socket.
    fn has_token(&self, token: Token) -> bool;

    /// A turn: connect, read, answer a few requests, write.
    fn turn(&mut self, machines: &mut M, now: Duration, reactor: &Reactor, log: &Log);

    /// When a turn is due without any I/O; zero when there is more to do at once.
    fn deadline(&self) -> Option<Duration>;

    /// Ends the session once all notifications are delivered, at the latest at `deadline`.
    fn close(&mut self, now: Duration, deadline: Duration);

    /// Whether nothing is left to deliver or say.
    fn is_closed(&self) -> bool;
}

/// What a process serves.
pub(in crate::process) struct Service<M: Reporter + 'static> {
    /// The objects.
    pub(in crate::process) mib: Mib<M>,
    /// What it registers, each with its priority.
    pub(in crate::process) subtrees: Vec<(Vec<u32>, u8)>,
    /// What it calls itself to the master.
    pub(in crate::process) description: &'static str,
    /// The notification for a change.
    pub(in crate::process) trap: fn(&M::Change, &M) -> Option<Trap>,
}

/// Session and socket.
pub(in crate::process) struct Agent<T: Reporter + 'static> {
    mib: Mib<T>,
    trap: fn(&T::Change, &T) -> Option<Trap>,
    link: Link,
    address: String,
    watched: Option<Watch>,
    more: bool,
    token: Token,
}

impl<T: Reporter + 'static> Agent<T> {
    /// An agent that begins to connect in its first turn, to the master at this address, as the user wrote it.
    pub(super) fn new(master: (MasterAddress, String), service: Service<T>) -> Agent<T> {
        let (address, shown) = master;
        let Service { mib, subtrees, description, trap } = service;
        let register = |(subtree, priority)| Registration { subtree: Oid::from(subtree), priority };
        let config = Config {
            id: Oid::from(mib::BASE),
            description: description.into(),
            capabilities: vec![(Oid::from(mib::BASE), "The MIB module for Keepalived".into())],
            registrations: subtrees.into_iter().map(register).collect(),
            seed: u64::from(std::process::id()),
            ..Config::default()
        };
        let link = Link::new(address, Session::new(config));
        Agent { mib, trap, link, address: shown, watched: None, more: false, token: AGENT }
    }

    /// Keeps the reactor's registration in step; a new socket is a new registration, whatever its number.
    fn watch(&mut self, reactor: &Reactor, log: &Log) {
        let wanted = self.link.interest();
        if wanted == self.watched {
            return;
        }
        let before = self.watched.take();
        let Some(watch) = wanted else { return };
        let interest = match (watch.read, watch.write) {
            (_, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (true, true) => Interest::READABLE | Interest::WRITABLE,
        };
        let done = if before.is_some_and(|before| before.generation == watch.generation) {
            reactor.reregister(&watch.fd, self.token, interest)
        } else {
            // Events that a closed socket left behind must not be taken for the new one's.
            self.token = Token(self.token.0 + 1);
            reactor.register(&watch.fd, self.token, interest)
        };
        match done {
            Ok(()) => self.watched = wanted,
            Err(error) => log.error(format_args!("AgentX socket: {error}")),
        }
    }

    fn tell(&self, event: &Event, log: &Log) {
        let master = &self.address;
        match event {
            Event::ConnectFailed(ErrorKind::PermissionDenied) => log.error(format_args!(
                "AgentX master {master}: permission denied; set agentXPerms in snmpd.conf (such as \
                 'agentXPerms 0660 0550 USER GROUP') so that this process may open it; trying again"
            )),
            Event::ConnectFailed(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => log.info(format_args!(
                "AgentX master {master} is not there; trying again (snmpd.conf needs 'master agentx')"
            )),
            Event::ConnectFailed(ErrorKind::AddrNotAvailable) => log.warning(format_args!(
                "The name of AgentX master {master} has no address; looking it up again (correct it, or write an address)"
            )),
            Event::ConnectFailed(kind) => {
                log.warning(format_args!("Cannot connect to AgentX master {master}: {kind}; trying again"));
            }
            Event::Up { registered } => {
                log.info(format_args!("AgentX session with {master} is up, {registered} subtrees registered"));
            }
            Event::Lost(reason @ Lost::Framing(_)) => {
                log.warning(format_args!("AgentX session with {master} lost: {reason}; opening it again"));
            }
            Event::Lost(reason) => {
                log.info(format_args!("AgentX session with {master} lost: {reason}; opening it again"));
            }
            Event::Refused { what, error } => log.error(format_args!(
                "AgentX master {master} refused {what:?} with error {error} (263: another subagent serves it); trying again"
            )),
            Event::Unresponsive(time) => log.warning(format_args!(
                "AgentX master {master} has not answered for {:.1} s; VRRP is not affected",
                time.as_secs_f64()
            )),
            Event::Responsive => log.info(format_args!("AgentX master {master} answers again")),
            Event::NotificationsDropped(count) => {
                log.error(format_args!("{count} SNMP notifications were dropped: AgentX master {master} was away too long"));
            }
            Event::NotificationRefused { trap, error } => {
                log.error(format_args!("AgentX master {master} refused notification {trap} with error {error}"));
            }
        }
    }
}

impl<T: Reporter + 'static> Subagent<T> for Agent<T> {
    fn has_token(&self, token: Token) -> bool {
        token == self.token
    }

    fn turn(&mut self, machines: &mut T, now: Duration, reactor: &Reactor, log: &Log) {
        self.more = self.link.turn(&self.mib, machines, now, BUDGET);
        while let Some(event) = self.link.session.poll_event() {
            self.tell(&event, log);
        }
        self.watch(reactor, log);
    }

    fn deadline(&self) -> Option<Duration> {
        if self.more { Some(Duration::ZERO) } else { self.link.deadline() }
    }

    fn close(&mut self, now: Duration, deadline: Duration) {
        self.link.session.close(now, deadline);
        self.more = true;
    }

    fn is_closed(&self) -> bool {
        self.link.session.is_closed()
    }
}

/// Its notifications.
impl<T: Reporter + 'static> View<T> for Agent<T> {
    fn show(&mut self, change: &T::Change, machines: &T, now: Duration) {
        if let Some(trap) = (self.trap)(change, machines) {
            self.link.session.notify(now, Notification { trap: trap.oid, binds: trap.objects });
            self.more = true;
        }
    }
}
