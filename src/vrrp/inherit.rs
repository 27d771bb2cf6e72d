//! Resources that this process holds in the kernel, and those inherited from a predecessor.

use super::address::Address;
use super::event::Action;
use super::held::{Held, HeldAddress, HeldIpvlan, HeldVmac};
use super::ids::Owner;
use super::interface::{Interface, UpperKind};
use super::op::WantedLink;
use super::own_link::OwnLink;
use super::route::Route;
use super::routers::Vrrp;
use super::rule::Rule;
use crate::config::model::{self, OwnLinkKind};
use crate::state::{Object, Op};

impl Vrrp {
    /// Returns the resources that this process has set or is about to set.
    pub fn held(&self) -> Held {
        let links = || {
            let links = self.tables.instances.values().flat_map(|row| row.links.values());
            links.filter(|link| !link.name.is_empty() && (link.state.wanted || link.ifindex.is_some()))
        };
        let vmac = |link: &OwnLink| Some(HeldVmac { name: link.name.clone(), mac: link.config.mac()? });
        let ipvlan = |link: &OwnLink| HeldIpvlan { name: link.name.clone(), base: link.base.clone() };
        let addresses = self.tables.addresses.values().filter(|row| row.state.may_be_held()).map(|row| {
            let config = &row.config;
            let device = row.ifindex.map_or(config.device.as_str(), |index| self.tables.interfaces.name(index));
            HeldAddress { device: device.to_owned(), ip: config.ip, prefix: config.prefix, peer: config.peer }
        });
        let routes = self.tables.routes.values().filter(|row| row.state.may_be_held()).map(|row| row.config.clone());
        let rules = self.tables.rules.values().filter(|row| row.state.may_be_held()).map(|row| row.config.clone());
        Held {
            vmacs: links().filter_map(vmac).collect(),
            ipvlans: links().filter(|link| !link.config.is_vmac()).map(ipvlan).collect(),
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
        let Held { addresses, vmacs, ipvlans, routes, rules, .. } = std::mem::take(&mut self.inherited);
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
            let is = |link: &Interface| link.is_macvlan() && link.mac == Some(mac);
            self.drop_link(&name, OwnLinkKind::Vmac { mac, xmit_base: false }, is);
        }
        for HeldIpvlan { name, base } in ipvlans {
            let base = self.tables.interfaces.named(&base).map(|base| base.index);
            let Some(UpperKind::Ipvlan(Some(mode))) = self.kind_of(&name) else { continue };
            let is = |link: &Interface| base.is_some() && link.upper.is_some_and(|upper| upper.base == base);
            self.drop_link(&name, OwnLinkKind::Ipvlan { address: None, mode }, is);
        }
    }

    fn kind_of(&self, name: &str) -> Option<UpperKind> {
        self.tables.interfaces.named(name).and_then(|link| link.upper).map(|upper| upper.kind)
    }

    /// Removes an inherited link, unless a row may take it over: one with the same properties over the same interface.
    fn drop_link(&mut self, name: &str, kind: OwnLinkKind, is: impl Fn(&Interface) -> bool) {
        let interfaces = &self.tables.interfaces;
        let Some(link) = interfaces.named(name).filter(|link| is(link)) else { return };
        let Some(base) = link.upper.and_then(|upper| upper.base) else { return };
        let base_name = interfaces.name(base).to_owned();
        let mut rows = self.tables.instances.values().flat_map(|row| row.links.values());
        let ipvlan = |own: &OwnLink| own.config.is_vmac() || own.config.name.as_deref().is_none_or(|own| own == name);
        if rows.any(|own| own.base == base_name && own.is(link, Some(base)) && ipvlan(own)) {
            return;
        }
        let (ipv6, address, group, replace) = (false, None, 0, false);
        let link = Box::new(WantedLink { name: name.to_owned(), kind, base, base_name, ipv6, address, group, replace });
        self.turn.act(Action::OwnLink { id: None, op: Op::Remove, link });
    }
}
