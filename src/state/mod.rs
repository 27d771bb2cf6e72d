//! Types shared by the machines: row indices, objects of the kernel, random numbers, and records that processes pass on to each
//! other.

#[cfg(test)]
pub(crate) mod fixtures;
mod index;
mod managed;
mod objects;
mod random;
mod record;
mod sections;

pub use index::{Indices, NextIndex, Numbering};
pub use managed::{Done, Loss, Managed, Op};
pub use objects::{Object, Objects, RowId, Step};
pub use random::Random;
pub use record::{Record, Unusable, fingerprint};
#[cfg(test)]
pub(crate) use sections::edited;
pub use sections::{Known, Lasting, Opened, Reader, Writer, from_sections, to_sections};
