//! Resources that this process holds in the kernel, and those inherited from a predecessor.

use super::address::Address;
use super::event::Action;
use super::held::{Held, HeldAddress, HeldVmac};
use super::ids::Owner;
use super::op::WantedVmac;
use super::route::Route;
use super::routers::Vrrp;
use super::rule::Rule;
use crate::config::model;
use crate::state::{Object, Op};

impl Vrrp {
    /// Returns the resources that this process has set or is about to set.
    pub fn held(&self) -> Held {
        let vmacs = self.tables.instances.values().filter_map(|row| {
            let (vmac, config) = row.vmac.as_ref().zip(row.config.vmac.as_ref())?;
            let made = !vmac.name.is_empty() && (vmac.state.wanted || vmac.ifindex.is_some());
            made.then(|| HeldVmac { name: vmac.name.clone(), mac: config.mac })
        });
        let addresses = self.tables.addresses.values().filter(|row| row.state.may_be_held()).map(|row| {
            let config = &row.config;
            let device = row.ifindex.map_or(config.device.as_str(), |index| self.tables.interfaces.name(index));
            HeldAddress { device: device.to_owned(), ip: config.ip, prefix: config.prefix, peer: config.peer }
        });
        let routes = self.tables.routes.values().filter(|row| row.state.may_be_held()).map(|row| row.config.clone());
        let rules = self.tables.rules.values().filter(|row| row.state.may_be_held()).map(|row| row.config.clone());
        Held {
            vmacs: vmacs.collect(),
            addresses: addresses.collect(),
            routes: routes.collect(),
            rules: rules.collect(),
            firewall: self.tables.firewall.held().map(|(family, name)| (family, name.to_owned())).collect(),
        }
    }

    /// Takes over the resources of a predecessor. Call it before the first
    /// [`Event::Interfaces`](super::Event::Interfaces).
    pub fn inherit(&mut self, held: Held) {
        for (family, name) in &held.firewall {
            self.tables.firewall.inherit(*family, name.clone());
        }
        self.inherited = held;
    }

    /// Removes inherited resources that belong to no row.
    pub(super) fn drop_inherited(&mut self) {
        let Held { addresses, vmacs, routes, rules, .. } = std::mem::take(&mut self.inherited);
        for config in rules {
            let row = Rule::new(config);
            let key = row.key();
            if key.is_some_and(|key| self.tables.routing.has_rule(&key) && self.tables.rules.with_key(&key).is_empty())
            {
                self.turn.act(Action::WithdrawRule(Box::new(row)));
            }
        }
        for config in routes {
            let row = Route { devices: self.tables.devices_of(&config), ..Route::new(config) };
            let known = self.tables.routing.route_of(&row).is_some();
            if known && row.key().is_some_and(|key| self.tables.routes.with_key(&key).is_empty()) {
                self.turn.act(Action::WithdrawRoute(Box::new(row)));
            }
        }
        for HeldAddress { device, ip, prefix, peer } in addresses {
            let Some(link) = self.tables.interfaces.named(&device) else { continue };
            let mut row = Address::new(model::Address { peer, ..model::Address::plain(ip, prefix, &device) }, false);
            row.ifindex = Some(link.index);
            let there = link.addresses.contains(row.config.ip, row.kernel_prefix());
            if there && row.key().is_some_and(|key| self.tables.addresses.with_key(&key).is_empty()) {
                let secondaries = self.site(Owner::Static).1.secondaries(&row);
                self.turn.act(Action::WithdrawAddress(Box::new(row), secondaries));
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
                self.turn.act(Action::Vmac { id: None, op: Op::Remove, link });
            }
        }
    }
}
