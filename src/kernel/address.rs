//! Requests to add and remove addresses, and their results.

use std::net::IpAddr;

use super::tables::PROTOCOL_KEEPALIVED;
use crate::state::Op;

/// An address to add or remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedAddr {
    /// Index of the interface.
    pub ifindex: u32,
    /// The address.
    pub ip: IpAddr,
    /// Prefix length; not used when there is a peer, which has its own.
    pub prefix: u8,
    /// Scope: global 0, site 200, link 253, host 254, nowhere 255.
    pub scope: u8,
    /// Label, at most 15 octets (IPv4 only).
    pub label: Option<String>,
    /// Broadcast address (IPv4 only).
    pub broadcast: Option<IpAddr>,
    /// The other end of a point-to-point address, with its prefix length.
    pub peer: Option<(IpAddr, u8)>,
    /// IPv6: use it at once, without duplicate address detection.
    pub nodad: bool,
    /// IPv6: home address of a mobile node (`home`).
    pub home: bool,
    /// IPv6: template for temporary addresses (`mngtmpaddr`).
    pub mngtmpaddr: bool,
    /// Add no route for the prefix (`noprefixroute`).
    pub noprefixroute: bool,
    /// Join the multicast group of this address (`autojoin`).
    pub autojoin: bool,
    /// Preferred lifetime in seconds; `u32::MAX`: unlimited, 0: deprecated. `None`: deprecated for an IPv6 /128, else
    /// unlimited. The valid lifetime is unlimited.
    pub preferred_lft: Option<u32>,
    /// Origin of the address (`IFA_PROTO`); `None`: unspecified.
    pub protocol: Option<u8>,
}

impl WantedAddr {
    /// A global address with default settings.
    pub fn plain(ifindex: u32, ip: IpAddr, prefix: u8) -> WantedAddr {
        WantedAddr {
            ifindex,
            ip,
            prefix,
            scope: 0,
            label: None,
            broadcast: None,
            peer: None,
            nodad: true,
            home: false,
            mngtmpaddr: false,
            noprefixroute: false,
            autojoin: false,
            preferred_lft: None,
            protocol: Some(PROTOCOL_KEEPALIVED),
        }
    }
}

/// A request to add or remove an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRequest {
    /// Returned with the result.
    pub token: u64,
    /// The operation.
    pub op: Op,
    /// The address.
    pub address: WantedAddr,
    /// For a removal: the secondary addresses of other programs, which must be kept.
    pub secondaries: Option<Secondaries>,
}

/// Secondary addresses: the kernel would remove them together with the IPv4 address that is their primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondaries {
    /// Name of the interface.
    pub interface: String,
    /// The addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}
