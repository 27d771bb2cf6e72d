//! IPVS, the kernel's load balancer, through its generic netlink family.
//!
//! [`Writer`] makes changes and reads the table on a thread of its own; results are events. The changes and the table are
//! types of [`check::ipvs`](crate::check::ipvs), which decides on changes.

mod change;
mod socket;
mod wire;
mod writer;

pub use change::{Answer, Error, Request};
pub use writer::Writer;
