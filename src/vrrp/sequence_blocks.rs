//! Blocks of sequence numbers of `auth_type AH`: the checkpoint is saved once per block, not with every advert.

use crate::wire::ah;

/// Numbers in a block. With one advert a second, the checkpoint is saved every 17 minutes.
const BLOCK: u32 = 1024;

/// The start of the block that contains a number, and a number beyond the block.
pub(super) fn block(sequence: u32) -> (u32, u32) {
    let start = sequence - sequence % BLOCK;
    (start, start.saturating_add(2 * BLOCK).min(ah::LAST_SEQUENCE))
}

/// Whether two sequence numbers are in different blocks, so that the checkpoint must be saved.
pub(super) fn another_block(before: u32, after: u32) -> bool {
    before / BLOCK != after / BLOCK
}
