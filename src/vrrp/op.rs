//! Requests to the kernel for addresses and VMACs, and their results.

use std::net::{IpAddr, Ipv6Addr};

/// Operation on an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOp {
    /// Set it.
    Add,
    /// Remove it.
    Remove,
}

/// Result of a successful address request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressDone {
    /// The address was set or removed.
    Changed,
    /// The address was already set, or already absent.
    AlreadySo,
}

/// The host's secondary addresses of an address, which the kernel would remove together with it, and prefix lengths.
pub type Secondaries = Vec<(IpAddr, u8)>;

/// Operation on a VMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmacOp {
    /// Create it, or adopt an existing interface, and set it up.
    Make,
    /// Remove it.
    Remove,
}

/// Desired properties of a VMAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedVmac {
    /// Name.
    pub name: String,
    /// Ethernet address.
    pub mac: [u8; 6],
    /// Index of the base interface.
    pub base: u32,
    /// Name of the base interface.
    pub base_name: String,
    /// Whether it will have IPv6 addresses.
    pub ipv6: bool,
    /// Link-local address to set on it, besides virtual addresses.
    pub link_local: Option<Ipv6Addr>,
    /// Whether an existing macvlan of that name with other properties may be replaced.
    pub replace: bool,
}
