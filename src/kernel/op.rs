//! Operations on objects of the kernel and their results.

pub use crate::state::{Done, Op};
