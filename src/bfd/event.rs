//! What goes into the machine and what comes out of it.

use std::net::IpAddr;
use std::time::Duration;

use super::rows::SessionId;
use crate::config::model::Config;
use crate::wire::bfd::{Diagnostic, LEN, Malformed, State};

/// Something that happened outside. See the [module](super) for the order of packets and timers.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Sessions begin.
    Start,
    /// A datagram was received on one of the two ports.
    Packet(Received<'a>),
    /// The timer last set under this key expired.
    Timer(TimerKey),
    /// What came of the [`Action::Send`] of a session: sent, or the system's words.
    Sent(SessionId, Result<(), String>),
    /// A new configuration; boxed, as it is large and rare.
    Configure(Box<Config>),
    /// The daemon stops: the other ends are told. It is over when [`Bfd::is_stopped`](super::Bfd::is_stopped).
    Stop,
}

/// A received datagram with what its IP header and socket tell.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// It came to the port of multihop sessions.
    pub multihop: bool,
    /// Source address.
    pub source: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// UDP payload.
    pub payload: &'a [u8],
}

/// Names a timer; setting it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// The next packet of a session.
    Send(SessionId),
    /// The other end may have been silent for the detection time.
    Detection(SessionId),
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a control packet from the session's socket, which is opened for its first packet: from the `source_ip` of
    /// the row if it has one, and from a port of [`SOURCE_PORTS`](crate::wire::bfd::SOURCE_PORTS) that no other session
    /// has and that stays. Answered by [`Event::Sent`].
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
    /// The session's socket is not needed any more; a later session of the same id opens another.
    Close(SessionId),
    /// Set (`Some`, absolute time) or clear a timer.
    Timer(TimerKey, Option<Duration>),
}

/// A row went from A to B: what the views, and the processes that track the session, are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The detection time of a session changed, with the intervals behind it.
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
        /// State it left.
        from: State,
        /// State it entered; [`State::AdminDown`] when the daemon stops.
        to: State,
        /// Why.
        cause: Cause,
        /// bfd.LocalDiag.
        diagnostic: Diagnostic,
        /// What the other end said last.
        remote_diagnostic: Diagnostic,
    },
    /// The other end is asked to confirm new intervals (RFC 5880 section 6.5).
    Poll(SessionId),
    /// A packet is not taken. Told once in an interval for each session, and once for all strangers.
    Refused {
        /// The session it seems to be of; `None` = of no session.
        id: Option<SessionId>,
        /// Source address.
        source: IpAddr,
        /// Why.
        refusal: Refusal,
        /// Packets refused since this was last told.
        more: u64,
    },
    /// The packets of a session cannot be sent; told at the first failure.
    SendFailed {
        /// The row.
        id: SessionId,
        /// The system's words.
        error: String,
    },
    /// They can be sent again.
    SendWorks(SessionId),
}

/// Why a session changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The other end said that it is in this state.
    Remote(State),
    /// Nothing was heard.
    Silence {
        /// For so long.
        elapsed: Duration,
        /// Beyond the detection time.
        overdue: Duration,
    },
    /// A new configuration gives the session other ends.
    Reconfigured,
    /// The daemon stops.
    Shutdown,
}

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Whatever the session.
    Malformed(Malformed),
    /// It crossed more hops than `max_hops`.
    Ttl {
        /// TTL or hop limit of the packet.
        ttl: u8,
        /// The least that is taken.
        least: u8,
    },
    /// No session with the sender on this port.
    Neighbor {
        /// The port.
        port: u16,
    },
    /// No session has this discriminator on this port.
    Discriminator(u32),
}

/// All that the handling of events has produced since it was last drained.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// To be carried out in order.
    pub actions: Vec<Action>,
    /// To be shown in order.
    pub changes: Vec<Change>,
}
