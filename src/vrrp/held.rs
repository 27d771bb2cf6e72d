//! Addresses and VMACs in the kernel that this process has made, for a later one whose rows may not know them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::rows::Address;
use crate::state::Record;

/// What a process has set in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub(super) vmacs: Vec<HeldVmac>,
    pub(super) addresses: Vec<HeldAddress>,
}

/// An interface of our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldVmac {
    pub(super) name: String,
    pub(super) mac: [u8; 6],
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldAddress {
    pub(super) device: String,
    pub(super) ip: IpAddr,
    pub(super) prefix: u8,
    /// The peer and its prefix length.
    pub(super) peer: Option<(IpAddr, u8)>,
}

impl Record for Held {
    const NAME: &'static str = "addresses and VMACs held";
    const VERSION: u32 = 1;
}

impl Held {
    /// Whether a predecessor held the address of a row on this interface.
    pub(super) fn has_address(&self, interface: &str, row: &Address) -> bool {
        let config = &row.config;
        self.addresses.iter().any(|held| {
            (held.device.as_str(), held.ip, held.prefix, held.peer)
                == (interface, config.ip, config.prefix, config.peer)
        })
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.vmacs.is_empty() && self.addresses.is_empty()
    }

    /// Each thing in words.
    pub fn list(&self) -> Vec<String> {
        let vmacs = self.vmacs.iter().map(|vmac| format!("VMAC {}", vmac.name));
        let addresses = self.addresses.iter().map(|held| {
            let peer = held.peer.map_or(String::new(), |(peer, length)| format!(" peer {peer}/{length}"));
            format!("address {}/{}{peer} on {}", held.ip, held.prefix, held.device)
        });
        vmacs.chain(addresses).collect()
    }
}
