//! TCP_CHECK: succeeds when the connection is established.

use super::conversation::{Conversation, Verdict};

/// An attempt of a TCP_CHECK.
#[derive(Debug)]
pub struct TcpCheck;

impl Conversation for TcpCheck {
    fn connected(&mut self, _send: &mut Vec<u8>) -> Option<Verdict> {
        Some(Ok(()))
    }
}
