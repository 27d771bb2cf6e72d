//! What this process holds in the kernel, and what it does with that of a predecessor.

use super::event::Action;
use super::held::{Held, HeldAddress, HeldVmac};
use super::ids::STATIC;
use super::op::{VmacOp, WantedVmac};
use super::routers::Vrrp;
use super::rows::Address;
use crate::config::model;

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
                let secondaries = self.site(STATIC).1.secondaries(&row);
                self.turn.act(Action::Withdraw(Box::new(row), secondaries));
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
                self.turn.act(Action::Vmac { id: None, op: VmacOp::Remove, link });
            }
        }
    }
}
