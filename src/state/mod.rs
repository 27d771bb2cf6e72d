//! What the machines share: row indices, and records that one process leaves to the next.

mod index;
mod record;

pub use index::{Indices, NextIndex, Numbering};
pub use record::{Record, Unusable, fingerprint, from_octets, to_octets};
