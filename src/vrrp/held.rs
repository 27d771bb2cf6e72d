//! Addresses in the kernel that a predecessor has set and that no row knows.

use std::fmt::Write;
use std::net::IpAddr;

use super::event::Action;
use super::machine::Vrrp;
use super::rows::Address;
use crate::config::model;

impl Vrrp {
    /// What this process has set or is about to set, a line for each address: the word, interface, address, prefix
    /// length, and peer with its prefix length.
    pub fn held(&self) -> String {
        let mut text = String::new();
        let held = |row: &&Address| row.wanted || row.installed || row.pending.is_some();
        for row in self.tables.addresses.values().filter(held) {
            let config = &row.config;
            // Writing to a string can not fail.
            let _ = write!(text, "address\t{}\t{}\t{}", config.device, config.ip, config.prefix);
            let _ = match config.peer {
                Some((peer, prefix)) => writeln!(text, "\t{peer}\t{prefix}"),
                None => writeln!(text),
            };
        }
        text
    }

    /// Takes over what a predecessor held, before the interfaces are known.
    pub fn inherit(&mut self, held: &str) {
        self.inherited = held.lines().filter_map(address).collect();
    }

    /// Removes what was inherited and is in no row; rows see to their own.
    pub(super) fn drop_inherited(&mut self) {
        for config in std::mem::take(&mut self.inherited) {
            let Some(link) = self.tables.interfaces.named(&config.device) else { continue };
            let mut row = Address::new(config, false);
            row.ifindex = Some(link.index);
            let there = link.addresses.contains(row.config.ip, row.kernel_prefix());
            if there && self.tables.rows_of(link.index, row.config.ip, row.kernel_prefix()).is_empty() {
                self.output.actions.push(Action::Withdraw(Box::new(row)));
            }
        }
    }
}

/// Reads a line of [`Vrrp::held`].
fn address(line: &str) -> Option<model::Address> {
    let words: Vec<&str> = line.split('\t').collect();
    let (device, ip, prefix, peer) = match words[..] {
        ["address", device, ip, prefix] => (device, ip, prefix, None),
        ["address", device, ip, prefix, peer, length] => {
            (device, ip, prefix, Some((peer.parse::<IpAddr>().ok()?, length.parse().ok()?)))
        }
        _ => return None,
    };
    Some(model::Address { peer, ..model::Address::plain(ip.parse().ok()?, prefix.parse().ok()?, device) })
}
