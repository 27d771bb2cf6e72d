//! Routes and policy rules of the kernel, as far as they are ours, and their consequences for the rows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::host_route::{HostRoute, RouteKey};
use super::ids::{ObjectId, Owner};
use super::route::Route;
use super::routers::Vrrp;
use super::rule::RuleKey;
use crate::config::model::{Family, PROTOCOL_KEEPALIVED};
use crate::state::{Object, Objects, RowId};

/// The routes and rules of the kernel with protocols of ours.
#[derive(Debug, Default)]
pub struct Routing {
    routes: HashMap<RouteKey, Vec<HostRoute>>,
    rules: HashSet<RuleKey>,
    /// Rows of routes by the interfaces that they last led through.
    through: HashMap<u32, BTreeSet<RowId>>,
}

impl Routing {
    fn replace(&mut self, routes: Vec<HostRoute>, rules: Vec<RuleKey>) {
        self.routes.clear();
        routes.into_iter().for_each(|route| self.add(route));
        self.rules = rules.into_iter().collect();
    }

    fn add(&mut self, route: HostRoute) {
        let known = self.routes.entry(route.key.clone()).or_default();
        if !known.contains(&route) {
            known.push(route);
        }
    }

    fn remove(&mut self, route: &HostRoute) {
        if let Some(known) = self.routes.get_mut(&route.key) {
            known.retain(|other| other != route);
            if known.is_empty() {
                self.routes.remove(&route.key);
            }
        }
    }

    /// Forgets the other routes with the key of a row, which has replaced them. The kernel does not report them as removed.
    pub(super) fn keep_only(&mut self, row: &Route) {
        if let Some(known) = row.key().and_then(|key| self.routes.get_mut(&key)) {
            known.retain(|route| row.is(route));
        }
    }

    /// The kernel's route for a row, if it is set.
    pub(super) fn route_of(&self, row: &Route) -> Option<&HostRoute> {
        self.routes.get(&row.key()?)?.iter().find(|route| row.is(route))
    }

    /// Whether the kernel has a route with this key.
    pub(super) fn has_route(&self, key: &RouteKey) -> bool {
        self.routes.contains_key(key)
    }

    /// Whether the kernel has a rule.
    pub(super) fn has_rule(&self, key: &RuleKey) -> bool {
        self.rules.contains(key)
    }

    /// Notes the interfaces that a row's route leads through.
    pub(super) fn lead(&mut self, routes: &mut Objects<Route>, id: RowId, route: &HostRoute) {
        let through: Vec<u32> = route.hops.iter().map(|hop| hop.ifindex).filter(|index| *index != 0).collect();
        let before = routes.change(id, |row| std::mem::replace(&mut row.through, through.clone()));
        for index in before.into_iter().flatten() {
            if let Some(rows) = self.through.get_mut(&index) {
                rows.remove(&id);
            }
        }
        for index in through {
            self.through.entry(index).or_default().insert(id);
        }
    }

    /// Forgets the interfaces of all rows, whose ids may have changed.
    pub(super) fn forget_links(&mut self) {
        self.through.clear();
    }
}

impl Vrrp {
    /// Takes all routes and rules, which were read from the kernel. The rows are matched when the interfaces are known.
    pub(super) fn routing_known(&mut self, routes: Vec<HostRoute>, rules: Vec<RuleKey>) {
        self.tables.routing.replace(routes, rules);
    }

    pub(super) fn route_added(&mut self, route: HostRoute) {
        let marked = route.key.protocol == PROTOCOL_KEEPALIVED;
        for id in self.rows_of_route(&route) {
            self.tables.routing.lead(&mut self.tables.routes, id, &route);
            let (instance, mut site) = self.site(Owner::of(id));
            site.appeared(ObjectId::Route(id), marked, instance);
        }
        self.tables.routing.add(route);
    }

    pub(super) fn route_gone(&mut self, route: HostRoute) {
        self.tables.routing.remove(&route);
        for id in self.rows_of_route(&route) {
            let (instance, mut site) = self.site(Owner::of(id));
            site.vanished(ObjectId::Route(id), instance);
            self.follow_static_of(ObjectId::Route(id));
        }
        self.restore_hidden(&route.key);
    }

    fn rows_of_route(&self, route: &HostRoute) -> Vec<RowId> {
        let routes = &self.tables.routes;
        let same = |id: &&RowId| routes.get(id).is_some_and(|row| row.is(route));
        routes.with_key(&route.key).iter().filter(same).copied().collect()
    }

    /// Sets the routes again that a route with the same key, which is gone now, has replaced.
    pub(super) fn restore_hidden(&mut self, key: &RouteKey) {
        let Vrrp { tables, .. } = self;
        let hidden: Vec<RowId> = tables.routes.with_key(key).to_vec();
        for id in hidden {
            let is_set = tables.routes.get(&id).is_some_and(|row| tables.routing.route_of(row).is_some());
            let Some(state) = tables.routes.state_mut(id) else { continue };
            if state.wanted && state.installed && !is_set && state.pending.is_none() {
                state.lose();
                let (instance, mut site) = self.site(Owner::of(id));
                site.reconcile(ObjectId::Route(id), instance);
                return;
            }
        }
    }

    pub(super) fn rule_added(&mut self, rule: RuleKey) {
        let marked = rule.protocol() == PROTOCOL_KEEPALIVED;
        for id in self.tables.rules.with_key(&rule).to_vec() {
            let (instance, mut site) = self.site(Owner::of(id));
            site.appeared(ObjectId::Rule(id), marked, instance);
        }
        self.tables.routing.rules.insert(rule);
    }

    pub(super) fn rule_gone(&mut self, rule: RuleKey) {
        self.tables.routing.rules.remove(&rule);
        for id in self.tables.rules.with_key(&rule).to_vec() {
            let (instance, mut site) = self.site(Owner::of(id));
            site.vanished(ObjectId::Rule(id), instance);
            self.follow_static_of(ObjectId::Rule(id));
        }
    }

    /// Marks the IPv4 routes through an interface as not set, since the kernel removes them without a notification when the
    /// interface goes down or loses its last address. Returns their owners.
    pub(super) fn lose_routes_through(&mut self, index: u32) -> BTreeSet<Owner> {
        let Vrrp { tables, .. } = self;
        let through = tables.routing.through.get(&index);
        let rows: Vec<RowId> = through.into_iter().flatten().copied().collect();
        for id in &rows {
            if let Some(row) = tables.routes.get(id).filter(|row| row.config.family == Family::V4) {
                if let Some(route) = tables.routing.route_of(row).cloned() {
                    tables.routing.remove(&route);
                }
                if let Some(state) = tables.routes.state_mut(*id) {
                    state.lose();
                }
            }
        }
        rows.into_iter().map(Owner::of).collect()
    }

    /// The owners of routes that lead, or last led, through an interface.
    pub(super) fn owners_of_routes_through(&self, index: u32) -> BTreeSet<Owner> {
        self.tables.routing.through.get(&index).into_iter().flatten().map(|id| Owner::of(*id)).collect()
    }

    /// Sets the IPv4 routes again that the kernel has removed, without a notification, together with an address: those with it
    /// as preferred source, and all through an interface whose last address it was.
    pub(super) fn lose_routes_with(&mut self, ifindex: u32, ip: IpAddr) {
        if !ip.is_ipv4() {
            return;
        }
        let link = self.tables.interfaces.get(ifindex);
        if !link.is_some_and(|link| link.addresses.iter().any(|known| known.ip.is_ipv4())) {
            for owner in self.lose_routes_through(ifindex) {
                self.reconcile_all_of(owner);
            }
        }
        for id in self.tables.lookups.by_route_source.get(&ip).cloned().unwrap_or_default() {
            if let Some(state) = self.tables.routes.state_mut(id).filter(|state| state.installed) {
                state.lose();
                let (instance, mut site) = self.site(Owner::of(id));
                site.reconcile(ObjectId::Route(id), instance);
            }
        }
    }
}
