//! The AgentX session of a process. The session may fail, lag or be absent without an effect on the machines.

use std::io::ErrorKind;
use std::time::Duration;

use snmp::link::{Interest as Watch, Link};
use snmp::pdu::error;
use snmp::session::{Event, Lost};
use snmp::transport::MasterAddress;
use snmp::{Config, Mib, Notification, Oid, Refused, Registration, Session};

use super::tokens::{AGENT, TOKENS};
use crate::config::model::Global;
use crate::mib::{self, Module, Trap};
use crate::notify::log::Log;
use crate::notify::view::{Reporter, View};
use crate::reactor::{Interest, Reactor, Token, clock};
use crate::status::Snmp;
use crate::system::{HasSystem, News};
use crate::text::{counted, reason, was};

/// Number of requests answered in a turn, so that adverts do not wait long.
const BUDGET: usize = 8;

/// An AgentX subagent as the event loop uses it: a view that also answers requests.
pub(in crate::process) trait Subagent<M: Reporter>: View<M> {
    /// Whether this is the token of its socket.
    fn has_token(&self, token: Token) -> bool;

    /// A turn: connect, read, answer a few requests, write. Returns whether a SET may have changed the machines.
    fn turn(&mut self, machines: &mut M, now: Duration, reactor: &Reactor, log: &Log) -> bool;

    /// Its numbers, for the status.
    fn numbers(&self) -> Option<Snmp>;

    /// Queues the notification of news about the daemon, if it has one.
    fn notify(&mut self, news: News, machines: &M, now: Duration);

    /// When the next turn is due without any I/O; zero if more work is waiting.
    fn deadline(&self) -> Option<Duration>;

    /// Closes the session once all notifications are delivered, or at `deadline`.
    fn close(&mut self, now: Duration, deadline: Duration);

    /// Whether the session is closed.
    fn is_closed(&self) -> bool;
}

/// The modules of a process, as it serves them.
pub(in crate::process) struct Service<M: Reporter + 'static> {
    /// The modules, in the order of their notifications.
    pub(in crate::process) modules: &'static [Module<M, M::Change>],
    /// Description of the subagent in the Open PDU.
    pub(in crate::process) description: &'static str,
}

/// Source of subagents: a configuration may enable SNMP, disable it, or select another socket.
pub(in crate::process) trait Agents<M: Reporter> {
    /// The subagent for a new configuration; `None` if the current one stays.
    fn follow(&mut self, global: &Global, log: &Log) -> Option<Next<M>>;

    /// The current subagent was dropped.
    fn dropped(&mut self);
}

/// The next subagent; `None` in it if SNMP is disabled.
pub(in crate::process) struct Next<M: Reporter>(pub(in crate::process) Option<Box<dyn Subagent<M>>>);

/// A subagent of an earlier configuration that is closing its session.
pub(super) struct Leaving<M: Reporter> {
    pub(super) agent: Box<dyn Subagent<M>>,
    /// When it is dropped at the latest.
    pub(super) until: Duration,
}

impl<M: Reporter> Leaving<M> {
    /// Starts to close the session within `limit`.
    pub(super) fn new(mut agent: Box<dyn Subagent<M>>, now: Duration, limit: Duration) -> Leaving<M> {
        agent.close(now, now + limit / 2);
        Leaving { agent, until: now + limit }
    }

    /// When its next turn is due.
    pub(super) fn deadline(&self) -> Duration {
        self.agent.deadline().map_or(self.until, |at| at.min(self.until))
    }

    /// Whether it is closed, or its time is over.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.agent.is_closed() || self.until <= now
    }
}

/// Creates the subagents of a process, from command line and configuration.
pub(super) struct Configured<M: Reporter + 'static> {
    /// `-x`.
    pub(super) always: bool,
    /// `-A`, which takes precedence over `snmp_socket`.
    pub(super) given: Option<String>,
    /// The modules that it can serve.
    pub(super) service: Service<M>,
    /// Socket of the current subagent, as the user wrote it, and its context.
    pub(super) socket: Option<(String, String)>,
    /// Number of subagents created so far.
    pub(super) made: usize,
}

impl<M: Reporter + HasSystem + 'static> Configured<M> {
    fn make(&mut self, socket: &str, global: &Global, log: &Log) -> Option<Box<dyn Subagent<M>>> {
        let address = socket.parse::<MasterAddress>().map_err(|error| error.to_string());
        let modules = self.service.modules;
        let found = address.and_then(|address| Ok((address, mib::tree(modules).map_err(|error| error.to_string())?)));
        match found {
            Ok((address, tree)) => {
                let token = Token(AGENT.0 + self.made * TOKENS);
                self.made += 1;
                let choice = Choice { always: self.always, modules };
                let master = (address, socket.to_owned());
                Some(Box::new(Agent::new(master, tree, choice, self.service.description, global, token)))
            }
            Err(error) => {
                log.error(format_args!("No SNMP: Cannot use the AgentX master address '{socket}': {error}"));
                None
            }
        }
    }
}

impl<M: Reporter + HasSystem + 'static> Agents<M> for Configured<M> {
    fn follow(&mut self, global: &Global, log: &Log) -> Option<Next<M>> {
        let given = self.given.as_ref().or(global.snmp_socket.as_ref());
        let socket = given.map_or(snmp::transport::DEFAULT_SOCKET, String::as_str);
        let choice = Choice { always: self.always, modules: self.service.modules };
        let context = global.snmp_context.clone().unwrap_or_default();
        let wanted = choice.enabled(global).next().map(|_| (socket.to_owned(), context));
        if wanted == self.socket {
            return None;
        }
        if let Some((before, _)) = &self.socket {
            let next = wanted.as_ref().map_or_else(
                || "off".to_owned(),
                |(socket, context)| match context.as_str() {
                    "" => format!("served to {socket}"),
                    context => format!("served to {socket} in the context {context}"),
                },
            );
            log.info(format_args!("Closing the session with AgentX master {before}: SNMP is now {next}"));
        }
        self.socket = wanted;
        Some(Next(self.socket.clone().and_then(|(socket, _)| self.make(&socket, global, log))))
    }

    fn dropped(&mut self) {
        self.socket = None;
    }
}

/// The modules among which a configuration chooses.
struct Choice<M: Reporter + 'static> {
    /// `-x`.
    always: bool,
    modules: &'static [Module<M, M::Change>],
}

impl<M: Reporter + 'static> Choice<M> {
    /// The modules that a configuration enables.
    fn enabled(&self, global: &Global) -> impl Iterator<Item = &'static Module<M, M::Change>> {
        let (always, modules) = (self.always, self.modules);
        modules.iter().filter(move |module| always || (module.enabled)(global))
    }
}

/// A subagent: session and socket.
pub(in crate::process) struct Agent<T: Reporter + 'static> {
    mib: Mib<T>,
    choice: Choice<T>,
    /// The enabled modules.
    modules: Vec<&'static Module<T, T::Change>>,
    /// The enabled modules have changed, and the session does not know it yet.
    chosen: bool,
    /// `enable_traps`.
    traps: bool,
    link: Link,
    address: String,
    watched: Option<Watch>,
    more: bool,
    token: Token,
}

impl<T: Reporter + 'static> Agent<T> {
    /// A subagent that connects in its first turn. `master` is the address, parsed and as the user wrote it; the
    /// sockets use `token` and those that follow.
    fn new(
        master: (MasterAddress, String),
        mib: Mib<T>,
        choice: Choice<T>,
        description: &str,
        global: &Global,
        token: Token,
    ) -> Agent<T> {
        let (address, shown) = master;
        let modules: Vec<_> = choice.enabled(global).collect();
        let config = Config {
            id: Oid::from(mib::BASE),
            description: description.into(),
            context: global.snmp_context.clone().unwrap_or_default(),
            capabilities: capabilities(&modules),
            registrations: registrations(&modules),
            seed: u64::from(std::process::id()),
            ..Config::default()
        };
        let link = Link::new(address, Session::new(config));
        let traps = global.enable_traps;
        Agent { mib, choice, modules, chosen: false, traps, link, address: shown, watched: None, more: false, token }
    }

    /// Queues a notification of an event at `now`.
    fn send(&mut self, trap: Trap, now: Duration) {
        let mut binds = trap.objects;
        binds.push(mib::event_time(now));
        self.link.session.notify(now, Notification { trap: trap.oid, binds });
        self.more = true;
    }

    /// Updates the registration with the reactor. A new socket gets a new token, since its descriptor may be the same.
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
            // Pending events of a closed socket must not be assigned to the new one.
            self.token = Token(self.token.0 + 1);
            reactor.register(&watch.fd, self.token, interest)
        };
        match done {
            Ok(()) => self.watched = wanted,
            Err(error) => log.error(format_args!("Cannot watch the AgentX socket: {error}")),
        }
    }

    fn log_event(&self, event: &Event, log: &Log) {
        let master = &self.address;
        match event {
            Event::ConnectFailed(ErrorKind::PermissionDenied) => log.error(format_args!(
                "Cannot connect to AgentX master {master}: Permission denied; set agentXPerms in snmpd.conf (such as \
                 'agentXPerms 0660 0550 USER GROUP') so that this process may open it; trying again"
            )),
            Event::ConnectFailed(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => log.info(format_args!(
                "AgentX master {master} is not running; trying again (snmpd.conf needs 'master agentx')"
            )),
            Event::ConnectFailed(ErrorKind::AddrNotAvailable) => log.warning(format_args!(
                "The name of AgentX master {master} has no address; looking it up again (correct it, or write an address)"
            )),
            Event::ConnectFailed(kind) => {
                let why = reason(&(*kind).into());
                log.warning(format_args!("Cannot connect to AgentX master {master}: {why}; trying again"));
            }
            Event::Up { registered } => {
                let subtrees = counted(*registered, "subtree");
                log.info(format_args!("AgentX session with {master} is up, {subtrees} registered"));
            }
            Event::Lost(reason @ Lost::Framing(_)) => {
                log.warning(format_args!("AgentX session with {master} lost: {reason}; opening it again"));
            }
            Event::Lost(reason) => {
                log.info(format_args!("AgentX session with {master} lost: {reason}; opening it again"));
            }
            Event::Refused { what, error: number } => {
                let what = match what {
                    Refused::Capability(oid) => format!("the row of sysORTable {oid}"),
                    Refused::Registration(oid) => format!("the subtree {oid}"),
                };
                let served = if *number == error::DUPLICATE_REGISTRATION { ": another subagent serves it" } else { "" };
                let name = error::name(*number);
                log.error(format_args!("AgentX master {master} refused {what} ({name}{served}); trying again"));
            }
            Event::Unresponsive(time) => log.warning(format_args!(
                "AgentX master {master} has not answered for {:.1} s; VRRP is not affected",
                time.as_secs_f64()
            )),
            Event::Responsive => log.info(format_args!("AgentX master {master} answers again")),
            Event::NotificationsDropped(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                log.error(format_args!(
                    "{} {} dropped: AgentX master {master} was away too long",
                    counted(count, "SNMP notification"),
                    was(count)
                ));
            }
            Event::NotificationRefused { trap, error: number } => {
                let name = error::name(*number);
                log.error(format_args!("AgentX master {master} refused notification {trap} ({name})"));
            }
        }
    }
}

/// The rows of sysORTable.
fn capabilities<T, C>(modules: &[&Module<T, C>]) -> Vec<(Oid, String)> {
    modules.iter().map(|module| (Oid::new(module.root), module.capability.to_owned())).collect()
}

/// The subtrees to register.
fn registrations<T, C>(modules: &[&Module<T, C>]) -> Vec<Registration> {
    let subtrees = modules.iter().flat_map(|module| module.subtrees);
    subtrees.map(|(subtree, priority)| Registration { subtree: Oid::new(subtree), priority: *priority }).collect()
}

impl<T: Reporter + HasSystem + 'static> Subagent<T> for Agent<T> {
    fn has_token(&self, token: Token) -> bool {
        token == self.token
    }

    fn turn(&mut self, machines: &mut T, now: Duration, reactor: &Reactor, log: &Log) -> bool {
        if std::mem::take(&mut self.chosen) {
            self.link.session.set_capabilities(now, capabilities(&self.modules));
            self.link.session.set_registrations(now, registrations(&self.modules));
        }
        self.link.session.set_clock(now, clock::utc());
        let changes = self.link.session.stats().changes;
        self.more = self.link.turn(&self.mib, machines, now, BUDGET);
        let changed = self.link.session.stats().changes != changes;
        while let Some(event) = self.link.session.poll_event() {
            self.log_event(&event, log);
        }
        self.watch(reactor, log);
        changed
    }

    fn numbers(&self) -> Option<Snmp> {
        let session = &self.link.session;
        let stats = session.stats();
        Some(Snmp {
            connected: session.is_up(),
            sessions_lost: stats.lost,
            notifications: stats.notifications,
            sent: stats.notifications_acknowledged,
            refused: stats.notifications_refused,
            dropped: stats.notifications_dropped,
            waiting: session.notifications_waiting(),
        })
    }

    fn notify(&mut self, news: News, machines: &T, now: Duration) {
        let serves = self.traps && self.modules.iter().any(|module| module.root == mib::HA_ROOT);
        if let Some(trap) = mib::daemon_trap(news, machines).filter(|_| serves) {
            self.send(trap, now);
        }
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

/// Notifications.
impl<T: Reporter + 'static> View<T> for Agent<T> {
    fn show(&mut self, change: &T::Change, machines: &T, now: Duration) {
        let modules = self.modules.iter().filter(|_| self.traps);
        let traps: Vec<Trap> = modules.filter_map(|module| (module.trap)(change, machines)).collect();
        traps.into_iter().for_each(|trap| self.send(trap, now));
    }

    fn configure(&mut self, global: Option<&Global>) {
        let Some(global) = global else { return };
        self.traps = global.enable_traps;
        let modules: Vec<_> = self.choice.enabled(global).collect();
        let same = modules.iter().map(|module| module.root).eq(self.modules.iter().map(|module| module.root));
        if !same {
            self.modules = modules;
            (self.chosen, self.more) = (true, true);
        }
    }
}
