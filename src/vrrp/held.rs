//! Addresses and VMACs in the kernel that this process has made, for a later one whose rows may not know them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::event::Action;
use super::machine::Vrrp;
use super::op::{VmacOp, WantedVmac};
use super::rows::Address;
use crate::config::model;
use crate::state::Record;

/// What a process has set in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    vmacs: Vec<HeldVmac>,
    addresses: Vec<HeldAddress>,
}

/// An interface of our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeldVmac {
    name: String,
    mac: [u8; 6],
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeldAddress {
    device: String,
    ip: IpAddr,
    prefix: u8,
    /// The peer and its prefix length.
    peer: Option<(IpAddr, u8)>,
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

impl Vrrp {
    /// What this process has made or is about to make.
    pub fn held(&self) -> Held {
        let vmacs = self.tables.instances.values().filter_map(|row| {
            let (vmac, config) = row.vmac.as_ref().zip(row.config.vmac.as_ref())?;
            let made = !vmac.name.is_empty() && (vmac.wanted || vmac.ifindex.is_some());
            made.then(|| HeldVmac { name: vmac.name.clone(), mac: config.mac })
        });
        // What the host has set itself is not ours, wanted or not.
        let held = |row: &&Address| row.is_held() || row.pending.is_some() || (row.wanted && !row.installed);
        let addresses = self.tables.addresses.values().filter(held).map(|row| {
            let config = &row.config;
            let device = row.ifindex.map_or(config.device.as_str(), |index| self.tables.interfaces.name(index));
            HeldAddress { device: device.to_owned(), ip: config.ip, prefix: config.prefix, peer: config.peer }
        });
        Held { vmacs: vmacs.collect(), addresses: addresses.collect() }
    }

    /// Takes over what a predecessor held, before the interfaces are known.
    pub fn inherit(&mut self, held: Held) {
        self.inherited = held;
    }

    /// Removes what was inherited and is in no row; rows see to their own.
    pub(super) fn drop_inherited(&mut self) {
        let Held { addresses, vmacs } = std::mem::take(&mut self.inherited);
        for HeldAddress { device, ip, prefix, peer } in addresses {
            let Some(link) = self.tables.interfaces.named(&device) else { continue };
            let mut row = Address::new(model::Address { peer, ..model::Address::plain(ip, prefix, &device) }, false);
            row.ifindex = Some(link.index);
            let there = link.addresses.contains(row.config.ip, row.kernel_prefix());
            if there && self.tables.rows_of(link.index, row.config.ip, row.kernel_prefix()).is_empty() {
                let secondaries = self.secondaries(&row);
                self.output.actions.push(Action::Withdraw(Box::new(row), secondaries));
            }
        }
        for HeldVmac { name, mac } in vmacs {
            let Some(link) = self.tables.interfaces.named(&name).filter(|link| link.mac == Some(mac)) else { continue };
            let Some(base) = link.macvlan.as_ref().and_then(|macvlan| macvlan.base) else { continue };
            // One that may take it over has the same address.
            let rows = self.tables.instances.values();
            if rows.filter_map(|row| row.config.vmac.as_ref()).all(|vmac| vmac.mac != mac) {
                let base_name = self.tables.interfaces.name(base).to_owned();
                let (ipv6, link_local, replace) = (false, None, false);
                let link = Box::new(WantedVmac { name, mac, base, base_name, ipv6, link_local, replace });
                self.output.actions.push(Action::Vmac { id: None, op: VmacOp::Remove, link });
            }
        }
    }
}
