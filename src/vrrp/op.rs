//! Requests to the kernel, and how they succeed.

use std::net::{IpAddr, Ipv6Addr};

/// What the kernel shall do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOp {
    /// Set it.
    Add,
    /// Remove it.
    Remove,
}

/// How a request for an address succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressDone {
    /// The kernel has changed.
    Changed,
    /// There was nothing to change.
    AlreadySo,
}

/// Addresses of others that the kernel would remove along with an address, being its secondaries.
pub type Secondaries = Vec<(IpAddr, u8)>;

/// What the kernel shall do with a VMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmacOp {
    /// Make it, or take over the one that is there, and set it up.
    Make,
    /// Remove it.
    Remove,
}

/// A VMAC as the kernel shall have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedVmac {
    /// Name.
    pub name: String,
    /// Ethernet address.
    pub mac: [u8; 6],
    /// Index of the interface below.
    pub base: u32,
    /// Its name.
    pub base_name: String,
    /// Some IPv6 address will be on it.
    pub ipv6: bool,
    /// Link-local address to be set on it, besides virtual ones.
    pub link_local: Option<Ipv6Addr>,
    /// A macvlan of that name which is not as it should be is ours to replace.
    pub replace: bool,
}
