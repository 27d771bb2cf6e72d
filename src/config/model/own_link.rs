//! Links that the daemon makes: VMACs and ipvlans.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::address::{Address, Family};

/// A link over another interface, which the daemon makes and removes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLink {
    /// Configured name, at most 15 octets; `None` = generated from `prefix` and the VRID.
    pub name: Option<String>,
    /// Start of generated names: `vmac_prefix`, default `vrrp`; for addresses `vmac_addr_prefix`, default `vmac_prefix`.
    pub prefix: String,
    /// `group`: number of its interface group; `None` = the group of the lower interface.
    pub group: Option<u32>,
    /// Kind of the link.
    pub kind: OwnLinkKind,
}

/// Kind of a link that the daemon makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnLinkKind {
    /// `use_vmac`: a macvlan with the MAC address of the virtual router.
    Vmac {
        /// Configured address; default that of RFC 9568 section 7.3, 00:00:5e:00:01:VRID or 00:00:5e:00:02:VRID.
        mac: [u8; 6],
        /// `vmac_xmit_base`: adverts are sent and received on the lower interface.
        xmit_base: bool,
    },
    /// `use_ipvlan`: an ipvlan of layer 2.
    Ipvlan {
        /// Its address, the source of adverts, with the prefix length.
        address: Option<(IpAddr, u8)>,
        /// `bridge`, `private` or `vepa`.
        mode: IpvlanMode,
    },
}

/// Traffic between the ipvlans of a lower interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpvlanMode {
    /// They reach each other.
    Bridge,
    /// They do not reach each other.
    Private,
    /// They reach each other through a switch.
    Vepa,
}

/// The VMAC for addresses of an instance that are not on the link or the interface of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressLink {
    /// Lower interface: `dev` of the addresses.
    pub base: String,
    /// Family of the addresses.
    pub family: Family,
    /// Whether a loss puts the instance into fault: an address is without `no_track`.
    pub tracked: bool,
    /// The VMAC.
    pub link: OwnLink,
}

impl OwnLink {
    /// The MAC address of a VMAC.
    pub fn mac(&self) -> Option<[u8; 6]> {
        match self.kind {
            OwnLinkKind::Vmac { mac, .. } => Some(mac),
            OwnLinkKind::Ipvlan { .. } => None,
        }
    }

    /// Whether it is a VMAC.
    pub fn is_vmac(&self) -> bool {
        matches!(self.kind, OwnLinkKind::Vmac { .. })
    }

    /// Whether adverts are sent and received on the lower interface.
    pub fn is_bypassed(&self) -> bool {
        matches!(self.kind, OwnLinkKind::Vmac { xmit_base: true, .. })
    }

    /// The address of an ipvlan, if it is of this family.
    pub fn source(&self, family: Family) -> Option<IpAddr> {
        match self.kind {
            OwnLinkKind::Ipvlan { address: Some((ip, _)), .. } => Some(ip).filter(|ip| Family::of(*ip) == family),
            _ => None,
        }
    }

    /// The kind in words.
    pub fn word(&self) -> &'static str {
        if self.is_vmac() { "VMAC" } else { "ipvlan" }
    }
}

impl AddressLink {
    /// Whether an address is on this VMAC.
    pub fn carries(&self, address: &Address) -> bool {
        address.own_vmac && address.device == self.base && Family::of(address.ip) == self.family
    }
}

/// The MAC address of a virtual router (RFC 9568 section 7.3).
pub fn virtual_mac(vrid: u8, family: Family) -> [u8; 6] {
    [0, 0, 0x5e, 0, if family == Family::V4 { 1 } else { 2 }, vrid]
}
