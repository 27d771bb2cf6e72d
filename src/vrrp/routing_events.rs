//! Handling of the kernel's notifications about routes and policy rules.

use std::collections::BTreeSet;

use super::host_route::{HostRoute, RouteKey};
use super::host_rule::HostRule;
use super::ids::{ObjectId, Owner};
use super::route::Route;
use super::routers::Vrrp;
use crate::config::model::PROTOCOL_KEEPALIVED;
use crate::state::RowId;

impl Vrrp {
    /// The protocols of the routes that this process has to know: those of its rows and of its predecessor. Empty if there are
    /// none.
    pub fn route_protocols(&self) -> BTreeSet<u8> {
        let ours = self.tables.routes.values().map(|row| row.config.protocol);
        ours.chain(self.inherited.routes.iter().map(|route| route.protocol)).collect()
    }

    /// As [`Vrrp::route_protocols`], of policy rules.
    pub fn rule_protocols(&self) -> BTreeSet<u8> {
        let ours = self.tables.rules.values().map(|row| row.config.protocol);
        ours.chain(self.inherited.rules.iter().map(|rule| rule.protocol)).collect()
    }

    /// Takes all routes and rules, which were read from the kernel. The rows are matched when the interfaces are known.
    pub(super) fn routing_known(&mut self, routes: Vec<HostRoute>, rules: Vec<HostRule>) {
        self.tables.routing.replace(routes, rules);
    }

    pub(super) fn route_added(&mut self, route: HostRoute, replaces: bool) {
        let marked = route.key.protocol == PROTOCOL_KEEPALIVED;
        for id in self.rows_of_route(&route, Route::is) {
            let (instance, mut site) = self.site(Owner::of(id));
            site.appeared(ObjectId::Route(id), marked, instance);
        }
        self.tables.routing.add(route, replaces);
    }

    pub(super) fn route_gone(&mut self, route: HostRoute) {
        self.tables.routing.remove(&route);
        if self.tables.routing.has_left(&route) {
            return self.restore_hidden(&route.key);
        }
        for id in self.rows_of_route(&route, Route::includes) {
            let (instance, mut site) = self.site(Owner::of(id));
            site.vanished(ObjectId::Route(id), instance);
            self.follow_static_of(ObjectId::Route(id));
        }
        self.restore_hidden(&route.key);
    }

    fn rows_of_route(&self, route: &HostRoute, is: impl Fn(&Route, &HostRoute) -> bool) -> Vec<RowId> {
        let routes = &self.tables.routes;
        let same = |id: &&RowId| routes.get(id).is_some_and(|row| is(row, route));
        routes.with_key(&route.key).iter().filter(same).copied().collect()
    }

    /// Sets the route again that a route with the same key, which is gone now, has replaced.
    pub(super) fn restore_hidden(&mut self, key: &RouteKey) {
        let Vrrp { tables, .. } = self;
        if tables.routing.has_route(key) {
            return;
        }
        for id in tables.routes.with_key(key).to_vec() {
            let Some(state) = tables.routes.state_mut(id) else { continue };
            if state.wanted && state.installed && state.pending.is_none() {
                state.lose();
                let (instance, mut site) = self.site(Owner::of(id));
                site.reconcile(ObjectId::Route(id), instance);
                return;
            }
        }
    }

    pub(super) fn rule_added(&mut self, rule: HostRule) {
        let marked = rule.protocol() == PROTOCOL_KEEPALIVED;
        for id in self.tables.rules.with_key(&rule).to_vec() {
            let (instance, mut site) = self.site(Owner::of(id));
            site.appeared(ObjectId::Rule(id), marked, instance);
        }
        self.tables.routing.add_rule(rule);
    }

    pub(super) fn rule_gone(&mut self, rule: HostRule) {
        self.tables.routing.remove_rule(&rule);
        if self.tables.routing.has_rule_left(&rule) {
            return;
        }
        for id in self.tables.rules.with_key(&rule).to_vec() {
            let (instance, mut site) = self.site(Owner::of(id));
            site.vanished(ObjectId::Rule(id), instance);
            self.follow_static_of(ObjectId::Rule(id));
        }
    }
}
