//! Events of a session for the log, and its counters.

use std::time::Duration;

use crate::oid::Oid;
use crate::pdu::error;
use crate::pdu::frame::FramingError;

/// An event worth a line in the log. Repetitions while a master is away are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The transport could not be opened. Reported once per reason until a session is up.
    ConnectFailed(std::io::ErrorKind),
    /// The master has opened a session and answered every registration.
    Up {
        /// Number of subtrees registered; the rest were refused.
        registered: usize,
    },
    /// The session is lost; the subagent reconnects.
    Lost(Lost),
    /// The master refused a registration or a capability. A registration is tried again later.
    Refused {
        /// The refused item.
        what: Refused,
        /// `res.error`, see [`error::name`].
        error: u16,
    },
    /// The master has not answered a PDU for this long. The connection is kept.
    Unresponsive(Duration),
    /// The master answers again.
    Responsive,
    /// The queue was full: number of notifications dropped since the last such event.
    NotificationsDropped(u64),
    /// The master refused a notification; it is not sent again.
    NotificationRefused {
        /// snmpTrapOID.0 of the notification.
        trap: Oid,
        /// `res.error`, see [`error::name`].
        error: u16,
    },
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The peer closed the transport, or it failed.
    Transport,
    /// The master sent a Close PDU with this reason (RFC 2741 section 6.2.2).
    ClosedByMaster(u8),
    /// The master no longer knows the session (`notOpen`).
    Forgotten,
    /// The master refused to open a session.
    OpenRefused(u16),
    /// The octets received are not a stream of AgentX PDUs.
    Framing(FramingError),
    /// No PDU arrived within [`Config::silence_limit`](super::Config::silence_limit).
    Silence,
    /// The master has not read any of our output for 10 s.
    Stuck,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lost::Transport => f.write_str("connection closed"),
            Lost::ClosedByMaster(reason) => {
                let reason = match reason {
                    2 => "parse errors",
                    3 => "protocol errors",
                    4 => "time-outs",
                    5 => "shutdown",
                    6 => "by manager",
                    _ => "other",
                };
                write!(f, "closed by the master ({reason})")
            }
            Lost::Forgotten => f.write_str("the master does not know the session"),
            Lost::OpenRefused(error) => write!(f, "open refused: {}", error::name(*error)),
            Lost::Framing(error) => write!(f, "not AgentX: {error}"),
            Lost::Silence => f.write_str("no answer from the master"),
            Lost::Stuck => f.write_str("the master does not read"),
        }
    }
}

/// An item that a master refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A row of sysORTable.
    Capability(Oid),
    /// A subtree. Error 263: another session has registered it at this priority.
    Registration(Oid),
}

/// Counters since [`Session::new`](super::Session::new).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions opened.
    pub opened: u64,
    /// Sessions lost.
    pub lost: u64,
    /// Requests answered, errors included.
    pub requests: u64,
    /// Variable bindings in answers.
    pub binds: u64,
    /// Phases of a SET that may have changed the data.
    pub changes: u64,
    /// Malformed or unexpected PDUs.
    pub bad_pdus: u64,
    /// Notifications queued.
    pub notifications: u64,
    /// Notifications the master has acknowledged.
    pub notifications_acknowledged: u64,
    /// Notifications sent again because a connection was lost before they were acknowledged.
    pub notifications_resent: u64,
    /// Notifications dropped because the queue was full.
    pub notifications_dropped: u64,
    /// Notifications the master answered with an error.
    pub notifications_refused: u64,
}
