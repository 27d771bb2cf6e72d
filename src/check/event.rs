//! Input and output of the machine: events, and the actions and changes that follow from them.

use std::net::IpAddr;
use std::time::Duration;

use super::http::{Look, Looked};
use super::rows::{CheckerId, RealServerId, Statistics, VirtualServerId};
use crate::config::Compared;
use crate::config::lvs::Target;
use crate::config::model::{Config, Script};
use crate::system::Daemon;
pub use crate::track::ScriptEnd;

/// Identifies an attempt of a checker: a connection or a run of a script. Numbers increase, and events of earlier attempts
/// are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The checker.
    pub checker: CheckerId,
    /// Number of the attempt.
    pub number: u32,
}

/// An external event.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Starts the checks; the addresses of this host are known.
    Start,
    /// The timer last set under this key expired.
    Timer(TimerKey),
    /// The connection is established, with TLS including the handshake; a UDP socket is ready to send.
    Connected(AttemptId),
    /// Octets of a stream, or one datagram.
    Received(AttemptId, &'a [u8]),
    /// The other side has closed the connection.
    Closed(AttemptId),
    /// The connection failed (refused, unreachable, reset, ICMP error or TLS failure) for this reason.
    Failed(AttemptId, String),
    /// The attempt could not start because this process ran out of descriptors or memory; no result.
    Postponed(AttemptId),
    /// An echo reply to the request of this attempt was received.
    PingReply(AttemptId),
    /// The result of an [`Action::Look`].
    Looked(AttemptId, Looked),
    /// A run of a script has ended.
    ScriptEnded(AttemptId, ScriptEnd),
    /// The number in a `track_file`, at the start and after each change.
    FileValue {
        /// Name of the `track_file` block.
        name: &'a str,
        /// The number; 0 for a missing file.
        value: i64,
    },
    /// The state of a BFD session, at the start and after each change.
    Session {
        /// Name of the `bfd_instance` block.
        name: &'a str,
        /// Whether the session is up.
        up: bool,
    },
    /// All addresses of this host, at the start and after lost notifications.
    Addresses(Vec<IpAddr>),
    /// An address was set on an interface of this host.
    AddressPresent(IpAddr),
    /// An address is no longer set on any interface of this host.
    AddressGone(IpAddr),
    /// Statistics of a service, read from the kernel.
    VirtualServerStatistics(VirtualServerId, Statistics),
    /// Statistics of a destination, read from the kernel.
    RealServerStatistics(RealServerId, Statistics),
    /// A new weight of a real server, limited to 2^31 - 1.
    SetWeight(RealServerId, u32, Setter),
    /// A new configuration, whose differences are applied.
    Configure {
        /// The configuration without its virtual servers.
        config: Box<Config>,
        /// Its virtual servers, in the order of the file, compared with those of the configuration before it. A virtual server
        /// with a group is only the same if [the groups](super::Tables::has_groups) are.
        servers: Vec<Compared>,
    },
    /// What the parent knows of the daemon.
    Daemon(Box<Daemon>),
    /// The daemon stops: end checks, notify.
    Stop,
}

/// Identifies a timer. Setting a timer again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// The next attempt of a checker is due, or the timeout of its running attempt has expired.
    Checker(CheckerId),
}

/// Transport protocol of an attempt.
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

/// An action for the process to carry out. Kept small, since ten thousand checkers may start at the same time.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Connect; answered by [`Event::Connected`] or [`Event::Failed`].
    Connect {
        /// The attempt.
        attempt: AttemptId,
        /// Destination, and source if configured.
        target: Box<Target>,
        /// Transport protocol.
        transport: Transport,
    },
    /// Send octets, or one datagram.
    Send(AttemptId, Vec<u8>),
    /// Run a search in a part of a body, which may take long; answered by [`Event::Looked`]. Read no more octets from the
    /// connection until [`Action::Resume`].
    Look(AttemptId, Box<Look>),
    /// Continue reading. The connection may have been closed meanwhile.
    Resume(AttemptId),
    /// Close the connection and cancel a running search. The connection may have failed or been closed already.
    Close(AttemptId),
    /// Run a script; answered by [`Event::ScriptEnded`].
    RunScript {
        /// The attempt.
        attempt: AttemptId,
        /// Program, arguments and user.
        script: Box<Script>,
        /// Time after which the script is sent SIGTERM, and SIGKILL 2 s later.
        limit: Duration,
    },
    /// Kill the run of a script, whose result is no longer needed.
    KillScript(AttemptId),
    /// Set (`Some`, absolute time) or clear a timer.
    Timer(TimerKey, Option<Duration>),
    /// Update the kernel's IPVS table for this service according to [`wanted`](super::ipvs::wanted).
    Reconcile(VirtualServerId),
}

/// A change of a row, with which the views (traps, scripts, mail, log) are notified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The verdict of a checker changed, or its first verdict is a failure.
    Checker {
        /// The row.
        id: CheckerId,
        /// The new verdict.
        up: bool,
        /// Reason of the failure; empty for a success.
        reason: String,
    },
    /// An attempt failed, and a retry is left (`log_all_failures`).
    AttemptFailed {
        /// The row.
        id: CheckerId,
        /// Reason of the failure.
        reason: String,
        /// Number of retries left before the checker is down.
        left: u32,
    },
    /// A real server went up or down.
    RealServer {
        /// The row.
        id: RealServerId,
        /// Whether it is up; false when the daemon stops.
        up: bool,
        /// Why.
        cause: Cause,
        /// The state of its service after the change.
        pool: Pool,
    },
    /// The base weight of a real server was set by SNMP.
    WeightSet {
        /// The row.
        id: RealServerId,
        /// Previous weight.
        from: u32,
        /// New weight.
        to: u32,
        /// Who has set it.
        by: Setter,
    },
    /// The effective weight of a real server changed.
    Weight {
        /// The row.
        id: RealServerId,
        /// Previous weight.
        from: u32,
        /// New weight.
        to: u32,
    },
    /// A service gained or lost its quorum, or stops.
    Quorum {
        /// The row.
        id: VirtualServerId,
        /// New status.
        status: QuorumStatus,
        /// Why.
        cause: Cause,
        /// The state of the service.
        pool: Pool,
    },
    /// The sorry server came into use or went out of use.
    Sorry {
        /// The service.
        id: VirtualServerId,
        /// Whether it is in use.
        in_use: bool,
    },
    /// The checkers of a service were suspended or resumed (`ha_suspend`).
    Suspended {
        /// The row.
        id: VirtualServerId,
        /// Whether they are suspended.
        suspended: bool,
    },
}

/// The state of a service at a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Number of real servers.
    pub total: u32,
    /// Number of real servers that are up.
    pub up: u32,
    /// Sum of the effective weights of real servers that are up.
    pub weight_sum: u64,
    /// `quorum`.
    pub quorum: u32,
    /// `hysteresis`.
    pub hysteresis: u32,
}

/// Cause of the change of a server or quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The initial state.
    Initial,
    /// A checker or a weight changed.
    Checks,
    /// The daemon stops.
    Shutdown {
        /// Whether `omega` is set, so that scripts run.
        omega: bool,
    },
}

impl Cause {
    /// Whether notify and quorum scripts run. Traps are sent in any case.
    pub fn runs_scripts(self) -> bool {
        !matches!(self, Cause::Shutdown { omega: false })
    }
}

/// Who has set a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setter {
    /// SNMP SET of realServerWeight.
    Snmp,
    /// `keepalived --weight` or `--drain`.
    Operator,
}

/// virtualServerQuorumStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum QuorumStatus {
    /// The weight of the live servers is sufficient.
    Met = 1,
    /// The weight of the live servers is not sufficient.
    NotMet = 2,
    /// The daemon stops; only in notifications.
    Shutdown = 3,
}

/// Actions and changes since the last [`Check::take_output`](super::Check::take_output).
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Actions, to be carried out in order.
    pub actions: Vec<Action>,
    /// Changes, to be reported in order.
    pub changes: Vec<Change>,
}
