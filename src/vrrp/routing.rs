//! Routes and policy rules of the kernel, as far as they are ours.

use std::collections::{HashMap, HashSet};

use super::host_route::{HostRoute, RouteKey};
use super::host_rule::HostRule;
use super::route::Route;
use crate::state::Object;

/// The routes and rules of the kernel with protocols of ours.
#[derive(Debug, Default)]
pub struct Routing {
    routes: HashMap<RouteKey, Vec<HostRoute>>,
    rules: HashSet<HostRule>,
    /// Routes whose removal was requested with their rows, and not reported yet.
    leaving_routes: Vec<HostRoute>,
    /// Rules likewise.
    leaving_rules: Vec<HostRule>,
}

impl Routing {
    /// Takes a complete list.
    pub(super) fn replace(&mut self, routes: Vec<HostRoute>, rules: Vec<HostRule>) {
        self.routes.clear();
        self.leaving_routes.clear();
        self.leaving_rules.clear();
        routes.into_iter().for_each(|route| self.add(route, false));
        self.rules = rules.into_iter().collect();
    }

    /// Notes a route, which may have replaced those with the same key.
    pub(super) fn add(&mut self, route: HostRoute, replaces: bool) {
        let known = self.routes.entry(route.key.clone()).or_default();
        if replaces {
            known.clear();
        }
        if !known.contains(&route) {
            known.push(route);
        }
    }

    /// Notes the removal of a route.
    pub(super) fn remove(&mut self, route: &HostRoute) {
        if let Some(known) = self.routes.get_mut(&route.key) {
            // The kernel reports the removal of an IPv6 route hop by hop.
            known.retain(|other| !route.hops.iter().all(|hop| other.hops.contains(hop)));
            if known.is_empty() {
                self.routes.remove(&route.key);
            }
        }
    }

    /// Notes that the route of a withdrawn row is being removed: a new row must not find it set, nor take its removal for a
    /// loss.
    pub(super) fn let_go(&mut self, row: &Route) {
        if let Some(route) = self.route_of(row).cloned() {
            self.remove(&route);
            self.leaving_routes.push(route);
        }
    }

    /// Whether a removed route, or one of its next hops, belonged to a withdrawn row. True once.
    pub(super) fn has_left(&mut self, gone: &HostRoute) -> bool {
        let is_of = |route: &HostRoute| {
            route.key == gone.key && route.source == gone.source && gone.hops.iter().all(|hop| route.hops.contains(hop))
        };
        let Some(at) = self.leaving_routes.iter().position(is_of) else { return false };
        if let Some(route) = self.leaving_routes.get_mut(at) {
            route.hops.retain(|hop| !gone.hops.contains(hop));
            if route.hops.is_empty() {
                self.leaving_routes.swap_remove(at);
            }
        }
        true
    }

    /// As [`Routing::let_go`], of a rule.
    pub(super) fn let_rule_go(&mut self, key: HostRule) {
        if self.rules.remove(&key) {
            self.leaving_rules.push(key);
        }
    }

    /// As [`Routing::has_left`], of a rule.
    pub(super) fn has_rule_left(&mut self, gone: &HostRule) -> bool {
        let found = self.leaving_rules.iter().position(|rule| rule == gone);
        found.map(|at| self.leaving_rules.swap_remove(at)).is_some()
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
    pub(super) fn has_rule(&self, key: &HostRule) -> bool {
        self.rules.contains(key)
    }

    /// Notes a rule.
    pub(super) fn add_rule(&mut self, rule: HostRule) {
        self.rules.insert(rule);
    }

    /// Notes the removal of a rule.
    pub(super) fn remove_rule(&mut self, rule: &HostRule) {
        self.rules.remove(rule);
    }
}
