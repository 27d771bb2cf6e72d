//! Blocks of the sequence numbers of `auth_type AH`: a checkpoint is saved once in a block, not with every advert.

use crate::wire::ah;

/// Numbers of a block: at one advert a second, the checkpoint is saved every 17 minutes.
const BLOCK: u32 = 1024;

/// The beginning of the block that a number is in, and a number that is surely behind all of it.
pub(super) fn block(sequence: u32) -> (u32, u32) {
    let begin = sequence - sequence % BLOCK;
    (begin, begin.saturating_add(2 * BLOCK).min(ah::LAST_SEQUENCE))
}

/// Whether two sequence numbers make different checkpoints.
pub(super) fn another_block(before: u32, after: u32) -> bool {
    before / BLOCK != after / BLOCK
}
