//! Octets received and not handled yet.

use crate::pdu::frame::{self, Frame, FramingError};
use crate::pdu::{HEADER_LEN, MAX_PAYLOAD};

/// Most octets kept: more than the longest PDU, so that a full inbox always has a PDU to handle.
const CAPACITY: usize = HEADER_LEN + MAX_PAYLOAD + 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    octets: Vec<u8>,
    /// Number of octets handled, from the start.
    handled: usize,
}

impl Inbox {
    pub(super) fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.waiting().len())
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        if self.handled > 0 {
            self.octets.drain(..self.handled.min(self.octets.len()));
            self.handled = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// The first PDU. It stays in the inbox until [`skip`](Self::skip).
    pub(super) fn first(&self) -> Result<Option<Frame<'_>>, FramingError> {
        frame::next(self.waiting())
    }

    /// Whether there is a PDU to handle, or a framing error that ends the connection.
    pub(super) fn has_frame(&self) -> bool {
        !matches!(self.first(), Ok(None))
    }

    /// Drops the first `count` octets.
    pub(super) fn skip(&mut self, count: usize) {
        self.handled = self.handled.saturating_add(count).min(self.octets.len());
        if self.handled == self.octets.len() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.handled = 0;
    }

    fn waiting(&self) -> &[u8] {
        self.octets.get(self.handled..).unwrap_or_default()
    }
}
