//! Input and output of the machine: events, and the actions and changes that follow from them.

use std::net::IpAddr;
use std::time::Duration;

use super::rows::SessionId;
use crate::config::model::Config;
use crate::wire::bfd::{Diagnostic, LEN, Malformed, State};

/// An external event. See the [module](super) for the order of packets and timers.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Starts the sessions.
    Start,
    /// A datagram was received on one of the two ports.
    Packet(Received<'a>),
    /// The timer last set under this key expired.
    Timer(TimerKey),
    /// Result of the [`Action::Send`] of a session: sent, or the system's error message.
    Sent(SessionId, Result<(), String>),
    /// A new configuration; boxed because it is large and rare.
    Configure(Box<Config>),
    /// The daemon stops: the other ends are sent AdminDown. Done when [`Bfd::is_stopped`](super::Bfd::is_stopped).
    Stop,
}

/// A received datagram with the data of its IP header and socket.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// It was received on the port of multihop sessions.
    pub multihop: bool,
    /// Source address.
    pub source: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// UDP payload.
    pub payload: &'a [u8],
}

/// Identifies a timer. Setting a timer again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// The next packet of a session is due.
    Send(SessionId),
    /// The detection time of a session may have expired.
    Detection(SessionId),
}

/// An action for the process to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a control packet from the session's socket, which is opened for its first packet. The socket has the
    /// `source_ip` of the row, if configured, and a port from [`SOURCE_PORTS`](crate::wire::bfd::SOURCE_PORTS) that no
    /// other session uses and that does not change. Answered by [`Event::Sent`].
    Send {
        /// The session.
        id: SessionId,
        /// The other end.
        destination: IpAddr,
        /// UDP port of the other end.
        port: u16,
        /// Local address, if configured.
        source: Option<IpAddr>,
        /// TTL or hop limit.
        ttl: u8,
        /// UDP payload.
        octets: [u8; LEN],
    },
    /// Close the session's socket. A later session of the same id opens another.
    Close(SessionId),
    /// Set (`Some`, absolute time) or clear a timer.
    Timer(TimerKey, Option<Duration>),
}

/// A change of a row, with which the views and the processes that track the session are notified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The detection time of a session changed because its intervals did.
    Timing {
        /// The row.
        id: SessionId,
        /// The detection time before.
        was: Duration,
    },
    /// A session entered a state.
    State {
        /// The row.
        id: SessionId,
        /// Previous state.
        from: State,
        /// New state; [`State::AdminDown`] when the daemon stops.
        to: State,
        /// Why.
        cause: Cause,
        /// bfd.LocalDiag.
        diagnostic: Diagnostic,
        /// Diagnostic in the last packet of the other end.
        remote_diagnostic: Diagnostic,
    },
    /// A poll sequence started: the other end is asked to confirm new intervals (RFC 5880 section 6.5).
    Poll(SessionId),
    /// A packet was refused. Reported at most once a minute for each session, and for all unknown senders together.
    Refused {
        /// The session with the packet's source address as neighbour; `None` = unknown sender.
        id: Option<SessionId>,
        /// Source address.
        source: IpAddr,
        /// Why.
        refusal: Refusal,
        /// Number of packets refused without a report since the last report.
        more: u64,
    },
    /// The packets of a session cannot be sent. Reported at the first failure.
    SendFailed {
        /// The row.
        id: SessionId,
        /// The system's error message.
        error: String,
    },
    /// The packets of a session can be sent again.
    SendWorks(SessionId),
}

/// Cause of a state change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A packet of the other end in this state.
    Remote(State),
    /// No packet was received.
    Silence {
        /// Time since the last packet.
        elapsed: Duration,
        /// Time since the detection time expired.
        overdue: Duration,
    },
    /// A new configuration changed the end points of the session.
    Reconfigured,
    /// The daemon stops.
    Shutdown,
}

/// Reason for refusing a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The packet is malformed.
    Malformed(Malformed),
    /// It crossed more hops than `max_hops`.
    Ttl {
        /// TTL or hop limit of the packet.
        ttl: u8,
        /// The lowest value that is accepted.
        least: u8,
    },
    /// There is no session with the sender on this port.
    Neighbor {
        /// The port.
        port: u16,
    },
    /// No session on this port has this discriminator.
    Discriminator(u32),
}

/// Actions and changes since the last [`Bfd::take_output`](super::Bfd::take_output).
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Actions, to be carried out in order.
    pub actions: Vec<Action>,
    /// Changes, to be reported in order.
    pub changes: Vec<Change>,
}
