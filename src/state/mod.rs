//! Types shared by the machines: row indices, random numbers, and records that processes pass on to each other.

mod index;
mod random;
mod record;

pub use index::{Indices, NextIndex, Numbering};
pub use random::Random;
pub use record::{Record, Unusable, fingerprint, from_octets, to_octets};
