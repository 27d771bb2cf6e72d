//! The security model of the messages for a target, and its state.

use std::fmt;
use std::time::Duration;

use crate::message::{Answer, Kind, Malformed, Notice, community, pdu};

/// Version of the messages, and who sends them. `Debug` never shows secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Security {
    /// SNMPv2c with this community.
    Community(Vec<u8>),
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Security::Community(_) => f.write_str("Community(..)"),
        }
    }
}

/// A datagram that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A valid answer.
    Answer(Answer),
    /// The notification is to be sent again at once.
    Again,
    /// A report of a lasting problem: a clause.
    Trouble(&'static str),
    /// Nothing of importance.
    Nothing,
}

/// State of the security model.
#[derive(Debug)]
pub(super) struct Peer;

impl Peer {
    pub(super) fn new(_security: &Security) -> Self {
        Peer
    }

    /// The message with a notification, or one that has to come before it.
    pub(super) fn encode(
        &mut self,
        security: &Security,
        kind: Kind,
        request: i32,
        notice: &Notice,
        _now: Duration,
    ) -> Result<Vec<u8>, Malformed> {
        match security {
            Security::Community(community) => community::encode(community, &pdu::notification(kind, request, notice)?),
        }
    }

    /// Handles a datagram.
    pub(super) fn receive(&mut self, security: &Security, octets: &[u8], _now: Duration) -> Incoming {
        match security {
            Security::Community(_) => community::decode(octets).map_or(Incoming::Nothing, Incoming::Answer),
        }
    }
}
