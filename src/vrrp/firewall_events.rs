//! The needs of the instances of the firewall, and the events about its tables.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::event::{Action, Change, TimerKey};
use super::ids::{InstanceId, OwnLinkId};
use super::own_link::OwnLink;
use super::own_link_wanted::carries_ipv6;
use super::routers::Vrrp;
use super::rows::Instance;
use super::ruleset::{Element, FirewallLayout, vmac_elements};
use super::state::State;
use super::tables::Tables;
use super::turn::Phase;
use crate::config::model::{Address, Family, Firewall};

impl Vrrp {
    /// The configuration, or the state of all instances, has changed.
    pub(super) fn touch_firewall(&mut self) {
        self.turn.layouts = true;
        self.turn.firewall.extend(self.tables.instances.keys());
    }

    /// Requests the changes of the firewall tables for the events so far. Additions precede the actions of these events: no
    /// packet passes between the setting of an address and the rule for it.
    pub(super) fn follow_firewall(&mut self) {
        let now = self.turn.now;
        if self.turn.phase == Phase::Stopping {
            // The rules outlast addresses and VMACs, whose removal sends packets too.
            if self.turn.keep || !self.has_released() {
                return;
            }
            self.tables.firewall.drop_all();
        } else {
            if std::mem::take(&mut self.turn.layouts) {
                let layouts = [Family::V4, Family::V6].map(|family| self.tables.wanted_layout(family));
                self.tables.firewall.want_layouts(layouts);
            }
            for id in std::mem::take(&mut self.turn.firewall) {
                let elements = self.tables.firewall_needs(id);
                self.tables.firewall.want(id, elements);
            }
        }
        let requests = self.tables.firewall.requests(now);
        let due = self.tables.firewall.due(now);
        if due != self.firewall_due {
            self.turn.set_timer(TimerKey::Firewall, due);
            self.firewall_due = due;
        }
        let (first, last): (Vec<_>, Vec<_>) = requests.into_iter().partition(|request| request.change.adds());
        let action = |request| Action::Firewall(Box::new(request));
        let actions = &mut self.turn.output.actions;
        actions.splice(0..0, first.into_iter().map(action));
        actions.extend(last.into_iter().map(action));
    }

    /// Handles the kernel's answer.
    pub(super) fn firewall_done(&mut self, family: Family, number: u64, result: Result<(), String>) {
        let now = self.turn.now;
        if let Some(error) = self.tables.firewall.done(family, number, result, now) {
            self.turn.change(Change::FirewallRefused { family, error });
        }
    }

    /// Handles a change of a table by another program.
    pub(super) fn firewall_touched(&mut self, family: Family, program: String) {
        if self.turn.phase != Phase::Stopping && self.tables.firewall.touched(family, self.turn.now) {
            self.turn.change(Change::FirewallTouched { family, program });
        }
    }
}

impl Tables {
    /// The layout of the table of a family; `None` if no instance needs it.
    fn wanted_layout(&self, family: Family) -> Option<FirewallLayout> {
        let global = self.system.global.as_ref()?;
        // Settings without effect on the table are left out of comparisons.
        let settings = Firewall { configured: true, disable_local_igmp: false, ..global.firewall.clone() };
        let vmacs = self.instances.values().any(|row| row.links.values().any(|link| self.guards(row, link, family)));
        let of_family = |address: &Address| Family::of(address.ip) == family;
        let drops = self.instances.values().filter(|row| row.drops()).any(|row| {
            let mut addresses = row.config.addresses.iter().chain(&row.config.excluded);
            addresses.any(of_family)
        });
        (vmacs || drops).then_some(FirewallLayout { family, settings, vmacs, drops })
    }

    /// The tables that need elements for a link before it is up.
    pub fn link_guards(&self, id: OwnLinkId) -> Vec<FirewallLayout> {
        let Some((row, link)) = self.own_link(id) else { return Vec::new() };
        self.firewall.layouts().filter(|layout| self.guards(row, link, layout.family)).cloned().collect()
    }

    /// Whether a link needs rules of a family: only VMACs do.
    fn guards(&self, row: &Instance, link: &OwnLink, family: Family) -> bool {
        let needed = match family {
            Family::V4 => {
                let quiet = self.system.global.as_ref().is_some_and(|global| global.firewall.disable_local_igmp);
                link.family == Family::V4 && !quiet
            }
            Family::V6 => carries_ipv6(row, link),
        };
        needed && link.config.is_vmac()
    }

    /// The elements that an instance needs now.
    fn firewall_needs(&self, id: InstanceId) -> BTreeSet<(Family, Element)> {
        let mut needs = BTreeSet::new();
        let Some(row) = self.instances.get(&id) else { return needs };
        if row.drops() {
            let resumes = row.state == State::Init && row.resumes_master;
            for (_, address) in self.addresses.of(&id.0) {
                // Until the address is removed, also after the transition.
                if !(resumes || address.state.wanted || address.state.is_held()) {
                    continue;
                }
                let ip = address.config.ip;
                match (ip, address.ifindex) {
                    (IpAddr::V6(ip), Some(index)) if ip.is_unicast_link_local() => {
                        needs.insert((Family::V6, Element::LinkLocalVip(ip, index)));
                    }
                    (IpAddr::V6(ip), None) if ip.is_unicast_link_local() => {}
                    _ => drop(needs.insert((Family::of(ip), Element::Vip(ip)))),
                }
            }
        }
        let by_index = self.system.global.as_ref().is_some_and(|global| global.firewall.by_index);
        for link in row.links.values() {
            let Some((index, base)) = link.ifindex.zip(self.interfaces.named(&link.base)) else { continue };
            for family in [Family::V4, Family::V6].into_iter().filter(|family| self.guards(row, link, *family)) {
                let link_local = link.link_local().filter(|_| family == Family::V6);
                let elements = vmac_elements(by_index, index, base.index, &link.name, link_local);
                needs.extend(elements.into_iter().map(|element| (family, element)));
            }
        }
        needs
    }
}

impl Instance {
    /// Whether it drops packets to its addresses as master: `no_accept`, unless it is the address owner.
    fn drops(&self) -> bool {
        !self.config.accept && !self.is_owner()
    }
}
