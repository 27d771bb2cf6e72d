//! What the machines share: row indices, random numbers, and records that one process leaves to the next.

mod index;
mod random;
mod record;

pub use index::{Indices, NextIndex, Numbering};
pub use random::Random;
pub use record::{Record, Unusable, fingerprint, from_octets, to_octets};
