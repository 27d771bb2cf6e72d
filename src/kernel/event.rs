//! Events of the kernel's links and addresses.

use super::tables::{Addr, Link};

/// A change of links or addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    /// A link is new or has changed.
    Link(Link),
    /// A link was removed, or moved to another network namespace.
    LinkGone {
        /// Index of the link.
        index: u32,
        /// Name of the link.
        name: String,
    },
    /// An address is new or has changed.
    Address(Addr),
    /// An address was removed.
    AddressGone(Addr),
    /// All links and addresses: every other known one is gone.
    Snapshot(Snapshot),
}

/// All links and addresses at one time, in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Links.
    pub links: Vec<Link>,
    /// IPv4 and IPv6 addresses.
    pub addresses: Vec<Addr>,
}
