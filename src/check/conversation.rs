//! The interface between the machine and the protocols of the network checkers.

use std::fmt::Debug;

use super::http::regex::{Look, Looked};

/// Success, or the reason of the failure.
pub type Verdict = Result<(), String>;

/// The protocol of one attempt of a network checker, from the connection to the verdict. Octets may arrive in pieces of
/// any size, of which it keeps a bounded amount. No method is called after a verdict.
pub trait Conversation: Debug {
    /// Called when the connection is established. The octets in `send` are sent.
    fn connected(&mut self, send: &mut Vec<u8>) -> Option<Verdict>;

    /// Called with received octets, or one datagram.
    fn received(&mut self, octets: &[u8], send: &mut Vec<u8>) -> Option<Verdict> {
        let _ = (octets, send);
        None
    }

    /// Returns a search that may take long, and is run on another thread. Called after each event without a verdict. No
    /// more octets are read until [`looked`](Conversation::looked) is called with the result.
    fn look(&mut self) -> Option<Look> {
        None
    }

    /// Called with the result of a search.
    fn looked(&mut self, looked: Looked) -> Option<Verdict> {
        let _ = looked;
        None
    }

    /// Called when the other side has closed the connection. Returns `None` if the verdict depends on a running search.
    fn closed(&mut self) -> Option<Verdict> {
        Some(Err("connection closed early".into()))
    }

    /// Called when the connection failed or could not be established.
    fn failed(&mut self, reason: String) -> Option<Verdict> {
        Some(Err(reason))
    }

    /// Called when the timeout has expired.
    fn expired(&mut self) -> Verdict {
        Err("timed out".into())
    }
}
