//! Addresses and VMACs in the kernel that a predecessor has made and that no row knows.

use std::fmt::Write;
use std::net::IpAddr;

use super::event::Action;
use super::machine::Vrrp;
use super::rows::Address;
use super::vmac::{VmacOp, WantedVmac};
use crate::config::model;

/// What a predecessor has left.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    addresses: Vec<model::Address>,
    /// Names and Ethernet addresses.
    vmacs: Vec<(String, [u8; 6])>,
}

impl Inherited {
    /// Whether a predecessor held the address of a row on this interface.
    pub(super) fn has_address(&self, interface: &str, row: &Address) -> bool {
        let same = |held: &&model::Address| {
            (held.device.as_str(), held.ip, held.prefix, held.peer)
                == (interface, row.config.ip, row.config.prefix, row.config.peer)
        };
        self.addresses.iter().any(|held| same(&held))
    }
}

impl Vrrp {
    /// What this process has made or is about to make, a line for each thing. An address: the word, interface, address,
    /// prefix length, and peer with its prefix length. A VMAC: the word, name, Ethernet address.
    pub fn held(&self) -> String {
        let mut text = String::new();
        // Writing to a string can not fail.
        for row in self.tables.instances.values() {
            if let (Some(vmac), Some(config)) = (&row.vmac, &row.config.vmac)
                && !vmac.name.is_empty()
                && (vmac.wanted || vmac.ifindex.is_some())
            {
                let octets = config.mac.map(|octet| format!("{octet:02x}"));
                let _ = writeln!(text, "vmac\t{}\t{}", vmac.name, octets.join(":"));
            }
        }
        // What the host has set itself is not ours, wanted or not.
        let held = |row: &&Address| row.is_held() || row.pending.is_some() || (row.wanted && !row.installed);
        for row in self.tables.addresses.values().filter(held) {
            let config = &row.config;
            let device = row.ifindex.map_or(config.device.as_str(), |index| self.tables.interfaces.name(index));
            let _ = write!(text, "address\t{device}\t{}\t{}", config.ip, config.prefix);
            let _ = match config.peer {
                Some((peer, prefix)) => writeln!(text, "\t{peer}\t{prefix}"),
                None => writeln!(text),
            };
        }
        text
    }

    /// Takes over what a predecessor held, before the interfaces are known.
    pub fn inherit(&mut self, held: &str) {
        for line in held.lines() {
            let words: Vec<&str> = line.split('\t').collect();
            self.inherited.addresses.extend(address(&words));
            self.inherited.vmacs.extend(vmac(&words));
        }
    }

    /// Removes what was inherited and is in no row; rows see to their own.
    pub(super) fn drop_inherited(&mut self) {
        let Inherited { addresses, vmacs } = std::mem::take(&mut self.inherited);
        for config in addresses {
            let Some(link) = self.tables.interfaces.named(&config.device) else { continue };
            let mut row = Address::new(config, false);
            row.ifindex = Some(link.index);
            let there = link.addresses.contains(row.config.ip, row.kernel_prefix());
            if there && self.tables.rows_of(link.index, row.config.ip, row.kernel_prefix()).is_empty() {
                let secondaries = self.secondaries(&row);
                self.output.actions.push(Action::Withdraw(Box::new(row), secondaries));
            }
        }
        for (name, mac) in vmacs {
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

fn address(words: &[&str]) -> Option<model::Address> {
    let (device, ip, prefix, peer) = match *words {
        ["address", device, ip, prefix] => (device, ip, prefix, None),
        ["address", device, ip, prefix, peer, length] => {
            (device, ip, prefix, Some((peer.parse::<IpAddr>().ok()?, length.parse().ok()?)))
        }
        _ => return None,
    };
    Some(model::Address { peer, ..model::Address::plain(ip.parse().ok()?, prefix.parse().ok()?, device) })
}

fn vmac(words: &[&str]) -> Option<(String, [u8; 6])> {
    let ["vmac", name, mac] = *words else { return None };
    let octets: Option<Vec<u8>> = mac.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    Some((name.to_owned(), octets?.try_into().ok()?))
}
