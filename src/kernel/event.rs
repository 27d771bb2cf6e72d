//! What the kernel tells of links and addresses.

use super::tables::{Addr, Link};

/// Something the kernel told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    /// A link is new or has changed.
    Link(Link),
    /// A link has gone, from the machine or from this network namespace.
    LinkGone {
        /// Index it had.
        index: u32,
        /// Name it had.
        name: String,
    },
    /// An address is new or has changed.
    Address(Addr),
    /// An address has gone.
    AddressGone(Addr),
    /// Everything there is; what it does not name is gone.
    Snapshot(Snapshot),
}

/// All links and addresses at one moment, in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Links.
    pub links: Vec<Link>,
    /// IPv4 and IPv6 addresses.
    pub addresses: Vec<Addr>,
}
