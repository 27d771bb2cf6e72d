//! Requests for addresses, and what comes of them.

use std::net::IpAddr;

use super::netlink::Refusal;
use super::tables::PROTOCOL_KEEPALIVED;

/// What to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Add it; that it is there already is success.
    Add,
    /// Remove it; that it is not there is success.
    Remove,
}

/// An address as it is to be.
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
    /// IPv6: use it at once, without duplicate detection.
    pub nodad: bool,
    /// IPv6: a mobile node's home address.
    pub home: bool,
    /// IPv6: template of temporary addresses.
    pub mngtmpaddr: bool,
    /// Make no route for the prefix.
    pub noprefixroute: bool,
    /// Join the multicast group on adding.
    pub autojoin: bool,
    /// Preferred lifetime, seconds; `u32::MAX` = for ever, 0 = deprecated. `None`: deprecated for IPv6 /128, else for
    /// ever. The valid lifetime is for ever.
    pub preferred_lft: Option<u32>,
    /// Mark by which its setter is known (`IFA_PROTO`); `None` leaves it without one.
    pub protocol: Option<u8>,
}

impl WantedAddr {
    /// A global address of which no more than this is wanted.
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

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRequest {
    /// Given back with the result.
    pub token: u64,
    /// What to do.
    pub op: Op,
    /// With which address.
    pub address: WantedAddr,
    /// Removal: addresses of others that are to stay.
    pub secondaries: Option<Secondaries>,
}

/// Addresses that the kernel would remove along with an IPv4 address whose secondaries they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondaries {
    /// Name of the interface.
    pub interface: String,
    /// The addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressResult {
    /// That of the request.
    pub token: u64,
    /// What was to be done.
    pub op: Op,
    /// Success, or the kernel's refusal.
    pub outcome: Result<Done, Refusal>,
    /// What did not go as it should although the request succeeded.
    pub complaint: Option<String>,
}

/// A request's success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The kernel has changed.
    Changed,
    /// There was nothing to change: added what was there, or removed what was not.
    AlreadySo,
}
