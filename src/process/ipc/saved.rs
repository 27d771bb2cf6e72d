//! The state of a child that the parent keeps.

use crate::state::{Lasting, Opened, Unusable, from_sections};

/// The state that a child has sent to the parent for its replacement, as octets of [records](crate::state::Lasting).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedState {
    /// The last [`Message::Indices`](super::Message::Indices).
    pub indices: Option<Vec<u8>>,
    /// The last [`Message::Checkpoint`](super::Message::Checkpoint).
    pub checkpoint: Option<Vec<u8>>,
}

impl SavedState {
    /// Decodes the indices and the checkpoint, in the types of the child's role.
    ///
    /// # Errors
    /// If either cannot be used: states without indices would be assigned to the wrong rows.
    pub fn open<I: Lasting, C: Lasting>(&self) -> Result<Opened<(I, C)>, Unusable> {
        let nothing = || Opened { record: C::default(), lost: Vec::new() };
        let Some(indices) = &self.indices else {
            return Ok(Opened { record: (I::default(), C::default()), lost: Vec::new() });
        };
        let checkpoint = self.checkpoint.as_deref().map(from_sections).transpose()?.unwrap_or_else(nothing);
        let indices: Opened<I> = from_sections(indices)?;
        let lost = indices.lost.into_iter().chain(checkpoint.lost).collect();
        Ok(Opened { record: (indices.record, checkpoint.record), lost })
    }
}
