//! What is said on a connection: the face that each network checker turns to the machine.

use std::fmt::Debug;

use super::http::regex::{Look, Looked};

/// Success, or why it is none.
pub type Verdict = Result<(), String>;

/// One attempt of a network checker, from the connection to the verdict. It sees octets in whatever pieces they come,
/// keeps a bounded amount of them, and is asked nothing more once it has given a verdict.
pub trait Conversation: Debug {
    /// The connection stands; what is put in `send` goes out.
    fn connected(&mut self, send: &mut Vec<u8>) -> Option<Verdict>;

    /// Octets, or one datagram, came in.
    fn received(&mut self, octets: &[u8], send: &mut Vec<u8>) -> Option<Verdict> {
        let _ = (octets, send);
        None
    }

    /// Work on what came that may take long, and is done elsewhere. Asked for after each event without a verdict; until
    /// the result has come by [`looked`](Conversation::looked) nothing more is read.
    fn look(&mut self) -> Option<Look> {
        None
    }

    /// The result of that work.
    fn looked(&mut self, looked: Looked) -> Option<Verdict> {
        let _ = looked;
        None
    }

    /// The other side sends no more. No verdict: that depends on a look under way.
    fn closed(&mut self) -> Option<Verdict> {
        Some(Err("connection closed early".into()))
    }

    /// The connection broke or could not be made.
    fn failed(&mut self, reason: String) -> Option<Verdict> {
        Some(Err(reason))
    }

    /// The time is up.
    fn expired(&mut self) -> Verdict {
        Err("timed out".into())
    }
}
