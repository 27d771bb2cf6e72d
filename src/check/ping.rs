//! PING_CHECK: succeeds with an echo reply within the timeout.

use super::conversation::{Conversation, Verdict};

/// An attempt of a PING_CHECK. The request is sent when the socket is opened;
/// [`Event::PingReply`](super::Event::PingReply) reports the reply.
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
