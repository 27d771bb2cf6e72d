//! Resources that this process holds in the kernel, and those inherited from a predecessor.

use super::event::Action;
use super::held::{Held, HeldAddress, HeldVmac};
use super::ids::STATIC;
use super::op::{VmacOp, WantedVmac};
use super::routers::Vrrp;
use super::rows::Address;
use crate::config::model;

impl Vrrp {
    /// Returns the addresses and VMACs that this process has set or is about to set.
    pub fn held(&self) -> Held {
        let vmacs = self.tables.instances.values().filter_map(|row| {
            let (vmac, config) = row.vmac.as_ref().zip(row.config.vmac.as_ref())?;
            let made = !vmac.name.is_empty() && (vmac.wanted || vmac.ifindex.is_some());
            made.then(|| HeldVmac { name: vmac.name.clone(), mac: config.mac })
        });
        // An address that the host has set itself is not ours, even if it is wanted.
        let held = |row: &&Address| row.is_held() || row.pending.is_some() || (row.wanted && !row.installed);
        let addresses = self.tables.addresses.values().filter(held).map(|row| {
            let config = &row.config;
            let device = row.ifindex.map_or(config.device.as_str(), |index| self.tables.interfaces.name(index));
            HeldAddress { device: device.to_owned(), ip: config.ip, prefix: config.prefix, peer: config.peer }
        });
        Held { vmacs: vmacs.collect(), addresses: addresses.collect() }
    }

    /// Takes over the addresses and VMACs of a predecessor. Call it before the first
    /// [`Event::Interfaces`](super::Event::Interfaces).
    pub fn inherit(&mut self, held: Held) {
        self.inherited = held;
    }

    /// Removes inherited addresses and VMACs that belong to no row.
    pub(super) fn drop_inherited(&mut self) {
        let Held { addresses, vmacs } = std::mem::take(&mut self.inherited);
        for HeldAddress { device, ip, prefix, peer } in addresses {
            let Some(link) = self.tables.interfaces.named(&device) else { continue };
            let mut row = Address::new(model::Address { peer, ..model::Address::plain(ip, prefix, &device) }, false);
            row.ifindex = Some(link.index);
            let there = link.addresses.contains(row.config.ip, row.kernel_prefix());
            if there && self.tables.rows_of(link.index, row.config.ip, row.kernel_prefix()).is_empty() {
                let secondaries = self.site(STATIC).1.secondaries(&row);
                self.turn.act(Action::Withdraw(Box::new(row), secondaries));
            }
        }
        for HeldVmac { name, mac } in vmacs {
            let Some(link) = self.tables.interfaces.named(&name).filter(|link| link.mac == Some(mac)) else { continue };
            let Some(base) = link.macvlan.as_ref().and_then(|macvlan| macvlan.base) else { continue };
            // An instance with the same Ethernet address may take it over.
            let rows = self.tables.instances.values();
            if rows.filter_map(|row| row.config.vmac.as_ref()).all(|vmac| vmac.mac != mac) {
                let base_name = self.tables.interfaces.name(base).to_owned();
                let (ipv6, link_local, replace) = (false, None, false);
                let link = Box::new(WantedVmac { name, mac, base, base_name, ipv6, link_local, replace });
                self.turn.act(Action::Vmac { id: None, op: VmacOp::Remove, link });
            }
        }
    }
}
