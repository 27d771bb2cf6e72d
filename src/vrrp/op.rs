//! Details of requests to the kernel for addresses and VMACs.

use std::net::{IpAddr, Ipv6Addr};

/// The host's secondary addresses of an address, which the kernel would remove together with it, and prefix lengths.
pub type Secondaries = Vec<(IpAddr, u8)>;

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
