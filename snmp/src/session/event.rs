//! What a session tells its owner: events to log, and counters.

use std::time::Duration;

use crate::oid::Oid;
use crate::pdu::error;
use crate::pdu::frame::FramingError;

/// Something worth a line in the log. Repetitions while a master is away are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The transport could not be opened. Told once per reason until a session comes about.
    ConnectFailed(std::io::ErrorKind),
    /// The master has opened a session and answered every registration.
    Up {
        /// Number of subtrees registered; the rest were refused.
        registered: usize,
    },
    /// The session is gone and a new one is sought.
    Lost(Lost),
    /// The master refused something; it is asked again later.
    Refused {
        /// What it refused.
        what: Refused,
        /// `res.error`, see [`error::name`].
        error: u16,
    },
    /// The master has left a PDU unanswered for this long. The connection is kept.
    Unresponsive(Duration),
    /// The master answers again.
    Responsive,
    /// The queue was full, and this many notifications were dropped since this was last told.
    NotificationsDropped(u64),
    /// The master would not have a notification; it is not sent again.
    NotificationRefused {
        /// snmpTrapOID of the notification.
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
    /// The master does not know the session any more.
    Forgotten,
    /// The master refused to open a session.
    OpenRefused(u16),
    /// What came cannot be cut into PDUs.
    Framing(FramingError),
    /// Nothing was heard for the whole silence limit.
    Silence,
    /// The peer has not taken any of our answers for the whole silence limit.
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

/// What a master refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A row of sysORTable.
    Capability(Oid),
    /// A subtree; with error 263, another session has it at this priority.
    Registration(Oid),
}

/// Counters since the session machine was made.
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
    /// PDUs that were not understood or not expected.
    pub bad_pdus: u64,
    /// Notifications handed in.
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
