//! What goes into the machines and what comes out of them.

use std::net::IpAddr;
use std::time::Duration;

use super::http::{Look, Looked};
use super::rows::{CheckerId, RealServerId, Statistics, VirtualServerId};
use crate::config::lvs::Target;
use crate::config::model::{Config, Script};
pub use crate::track::ScriptEnd;

/// One attempt of a checker: a connection or a run of a script. A later attempt has a greater number; what is still
/// reported of an earlier one is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The checker.
    pub checker: CheckerId,
    /// Number of the attempt.
    pub number: u32,
}

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Checks begin; the addresses of this host are known.
    Start,
    /// The timer last set under this key expired.
    Timer(TimerKey),
    /// The connection stands, with TLS the handshake is done; a UDP socket is ready to send.
    Connected(AttemptId),
    /// Octets of a stream, or one datagram.
    Received(AttemptId, &'a [u8]),
    /// The other side sends no more.
    Closed(AttemptId),
    /// Refused, unreachable, reset, ICMP error, TLS failure: why. The connection is gone.
    Failed(AttemptId, String),
    /// This process had not what the attempt takes, as descriptors or memory: nothing is known of the server.
    Postponed(AttemptId),
    /// An echo reply to the request of this attempt.
    PingReply(AttemptId),
    /// The result of an [`Action::Look`].
    Looked(AttemptId, Looked),
    /// A run of a script is over.
    ScriptEnded(AttemptId, ScriptEnd),
    /// The number in a `track_file`, at start and on each change.
    FileValue {
        /// Name of the `track_file` block.
        name: &'a str,
        /// What was read; 0 for a file that is not there.
        value: i64,
    },
    /// A BFD session is up or down, at start and on each change.
    Session {
        /// Name of the `bfd_instance` block.
        name: &'a str,
        /// Whether it is up.
        up: bool,
    },
    /// All addresses of this host: at start and after a loss of messages.
    Addresses(Vec<IpAddr>),
    /// An address was set on an interface of this host.
    AddressPresent(IpAddr),
    /// An address is on no interface of this host any more.
    AddressGone(IpAddr),
    /// Read from the kernel.
    VirtualServerStatistics(VirtualServerId, Statistics),
    /// Read from the kernel.
    RealServerStatistics(RealServerId, Statistics),
    /// SET of realServerWeight; a weight above 2^31 - 1 is taken as that.
    SetWeight(RealServerId, u32),
    /// A new configuration: the difference is applied.
    Configure(Box<Config>),
    /// The daemon stops: checks end, stop notifications.
    Stop,
}

/// Names a timer; setting it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// The next attempt of a checker, or the limit of the present one.
    Checker(CheckerId),
}

/// How octets get to the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection; closed with a reset.
    Tcp,
    /// TLS over TCP; the certificate is not verified.
    Tls {
        /// Server name to send.
        sni: Option<String>,
        /// Whether the connection is closed with a close_notify.
        close_notify: bool,
    },
    /// A connected UDP socket.
    Udp,
    /// An ICMP echo request with 128 octets of payload, sent at once; answered by [`Event::PingReply`].
    Ping,
}

/// What the machines want done. Small: at the start of ten thousand checkers there are as many.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Connect; answered by [`Event::Connected`] or [`Event::Failed`].
    Connect {
        /// The attempt it is for.
        attempt: AttemptId,
        /// Where to and where from.
        target: Box<Target>,
        /// How.
        transport: Transport,
    },
    /// Send octets, or one datagram.
    Send(AttemptId, Vec<u8>),
    /// Search a part of a body, which may take long; answered by [`Event::Looked`]. Until [`Action::Resume`] nothing more
    /// is read from the connection.
    Look(AttemptId, Box<Look>),
    /// Read on. Also comes for a connection that was closed meanwhile.
    Resume(AttemptId),
    /// The connection, and a look under way, are not needed any more. Also comes for one that has failed or was closed
    /// meanwhile.
    Close(AttemptId),
    /// Run a script; answered by [`Event::ScriptEnded`].
    RunScript {
        /// The attempt it is for.
        attempt: AttemptId,
        /// Program, arguments and user.
        script: Box<Script>,
        /// After this time it gets TERM, and KILL 2 s later.
        limit: Duration,
    },
    /// The result of this run is not wanted any more.
    KillScript(AttemptId),
    /// Set (`Some`, absolute time) or clear a timer.
    Timer(TimerKey, Option<Duration>),
    /// What IPVS should hold for this service changed: see [`wanted`](super::wanted).
    Reconcile(VirtualServerId),
}

/// A row went from A to B: what the views (traps, scripts, mail, log) are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A checker came to another verdict, or to its first one, which is that it fails.
    Checker {
        /// The row.
        id: CheckerId,
        /// Now.
        up: bool,
        /// Why it failed; empty for a success.
        reason: String,
    },
    /// An attempt failed that does not count yet (`log_all_failures`).
    AttemptFailed {
        /// The row.
        id: CheckerId,
        /// Why.
        reason: String,
        /// Attempts that may still fail before the checker is down.
        left: u32,
    },
    /// A real server became alive or dead.
    RealServer {
        /// The row.
        id: RealServerId,
        /// Now; false when the daemon stops.
        up: bool,
        /// Why.
        cause: Cause,
        /// The figures of its service just after.
        pool: Pool,
    },
    /// SNMP has set the configured weight of a real server.
    WeightSet {
        /// The row.
        id: RealServerId,
        /// Before.
        from: u32,
        /// Now.
        to: u32,
    },
    /// The effective weight of a real server changed.
    Weight {
        /// The row.
        id: RealServerId,
        /// Before.
        from: u32,
        /// Now.
        to: u32,
    },
    /// A service gained or lost its quorum, or stops.
    Quorum {
        /// The row.
        id: VirtualServerId,
        /// What happened.
        status: QuorumStatus,
        /// Why.
        cause: Cause,
        /// The figures.
        pool: Pool,
    },
    /// The sorry server was taken into use or out of it.
    Sorry {
        /// The service.
        id: VirtualServerId,
        /// Now.
        in_use: bool,
    },
    /// The checkers of a service rest or go on (`ha_suspend`).
    Suspended {
        /// The row.
        id: VirtualServerId,
        /// Now.
        suspended: bool,
    },
}

/// Figures of a service at the moment of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Real servers.
    pub total: u32,
    /// Those alive.
    pub up: u32,
    /// Sum of their effective weights.
    pub weight_sum: u64,
    /// `quorum`.
    pub quorum: u32,
    /// `hysteresis`.
    pub hysteresis: u32,
}

/// Why a server or a quorum changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It starts so.
    Initial,
    /// Checkers or weights.
    Checks,
    /// The daemon stops.
    Shutdown {
        /// `omega`: scripts run.
        omega: bool,
    },
}

impl Cause {
    /// Whether notify and quorum scripts run. Traps are sent in any case.
    pub fn runs_scripts(self) -> bool {
        !matches!(self, Cause::Shutdown { omega: false })
    }
}

/// virtualServerQuorumStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum QuorumStatus {
    /// The live servers weigh enough.
    Met = 1,
    /// They do not.
    NotMet = 2,
    /// The daemon stops; only in notifications.
    Shutdown = 3,
}

/// All that the handling of events has produced since it was last drained.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// To be carried out in order.
    pub actions: Vec<Action>,
    /// To be shown in order.
    pub changes: Vec<Change>,
}
