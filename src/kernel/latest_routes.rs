//! The routes of a dump, corrected by the notifications that arrive while it is running.

use std::collections::BTreeMap;

use crate::vrrp::{HostRoute, RouteKey};

/// The notifications of routes since a dump was requested.
#[derive(Debug, Default)]
pub(super) struct LatestRoutes(BTreeMap<RouteKey, Changes>);

/// The notifications of the routes with one key.
#[derive(Debug, Default)]
struct Changes {
    /// A route has replaced one that may be in the dump; the kernel does not say which.
    replaced: bool,
    present: Vec<HostRoute>,
    gone: Vec<HostRoute>,
}

impl LatestRoutes {
    /// Records a route that is new or has changed.
    pub(super) fn put(&mut self, route: &HostRoute, replaces: bool) {
        let changes = self.0.entry(route.key.clone()).or_default();
        if replaces {
            *changes = Changes { replaced: true, ..Changes::default() };
        }
        changes.gone.retain(|other| other != route);
        changes.present.retain(|other| other != route);
        changes.present.push(route.clone());
    }

    /// Records a removed route.
    pub(super) fn remove(&mut self, route: &HostRoute) {
        let changes = self.0.entry(route.key.clone()).or_default();
        changes.present.retain(|other| other != route);
        changes.gone.push(route.clone());
    }

    /// The dumped routes, corrected; routes of notifications come last.
    pub(super) fn apply(self, mut dumped: Vec<HostRoute>) -> Vec<HostRoute> {
        dumped.retain(|route| {
            let changes = self.0.get(&route.key);
            changes.is_none_or(|changes| {
                let is_gone = changes.gone.iter().any(|gone| is_part(gone, route));
                !changes.replaced && !is_gone && !changes.present.contains(route)
            })
        });
        dumped.extend(self.0.into_values().flat_map(|changes| changes.present));
        dumped
    }
}

/// Whether a removed route is this one or some of its next hops, which the kernel reports one by one for IPv6.
fn is_part(gone: &HostRoute, route: &HostRoute) -> bool {
    gone.source == route.source && gone.hops.iter().all(|hop| route.hops.contains(hop))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::config::model::Route;
    use crate::vrrp::HostHop;

    fn route(last: u8, via: u8) -> HostRoute {
        let configured = Route::plain((IpAddr::from([10, 0, last, 0]), 24));
        let hops = vec![HostHop { via: Some([10, 1, 0, via].into()), ifindex: 2 }];
        HostRoute { key: RouteKey::of(&configured, None), source: None, hops }
    }

    #[test]
    fn the_last_notification_of_a_route_takes_precedence() {
        let mut latest = LatestRoutes::default();
        latest.put(&route(1, 9), true);
        latest.put(&route(2, 9), false);
        latest.put(&route(4, 1), false);
        latest.remove(&route(3, 1));
        latest.remove(&route(4, 1));
        latest.remove(&route(5, 1));
        latest.put(&route(5, 1), false);
        let dumped = vec![route(1, 1), route(2, 1), route(3, 1), route(4, 1), route(5, 1), route(6, 1)];
        let rows = latest.apply(dumped);
        // 1 was replaced, 2 was appended, 3 and 4 were removed, 5 was added again, 6 has not changed.
        assert_eq!(rows, [route(2, 1), route(6, 1), route(1, 9), route(2, 9), route(5, 1)]);
    }
}
