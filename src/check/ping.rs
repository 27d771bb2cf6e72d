//! PING_CHECK: an echo reply in time is enough.

use super::conversation::{Conversation, Verdict};

/// An attempt of a PING_CHECK: the request goes out with the connection, the reply is an event of its own.
#[derive(Debug)]
pub struct PingCheck;

impl Conversation for PingCheck {
    fn connected(&mut self, _send: &mut Vec<u8>) -> Option<Verdict> {
        None
    }

    fn expired(&mut self) -> Verdict {
        Err("no echo reply".into())
    }
}
