//! Details of requests to the kernel for addresses and links.

use std::net::{IpAddr, Ipv6Addr};

use crate::config::model::OwnLinkKind;

/// The host's secondary addresses of an address, which the kernel would remove together with it, and prefix lengths.
pub type Secondaries = Vec<(IpAddr, u8)>;

/// Desired properties of a link that the daemon makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLink {
    /// Name.
    pub name: String,
    /// Kind, with its properties.
    pub kind: OwnLinkKind,
    /// Index of the lower interface.
    pub base: u32,
    /// Name of the lower interface.
    pub base_name: String,
    /// Whether it will have IPv6 addresses.
    pub ipv6: bool,
    /// Address to set on it, besides virtual addresses.
    pub address: Option<(IpAddr, u8)>,
    /// Number of its interface group.
    pub group: u32,
    /// Whether an existing link of that name and kind with other properties may be replaced.
    pub replace: bool,
}

impl WantedLink {
    /// The link-local address that a VMAC gets from its lower interface.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        match (self.kind, self.address) {
            (OwnLinkKind::Vmac { .. }, Some((IpAddr::V6(ip), _))) => Some(ip),
            _ => None,
        }
    }
}
