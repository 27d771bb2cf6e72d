//! The rows of routes.

use super::host_route::{HostRoute, RouteDevices, RouteKey};
use crate::config::model;
use crate::state::{Managed, Object};

/// A row of vrrpRouteTable: desired and present state of a route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The line of the configuration.
    pub config: model::Route,
    /// Its devices, `None` while one of them does not exist.
    pub devices: Option<RouteDevices>,
    /// Its state in the kernel.
    pub state: Managed,
}

impl Object for Route {
    type Key = RouteKey;
    type Line = model::Route;

    fn line(&self) -> &model::Route {
        &self.config
    }

    fn key(&self) -> Option<RouteKey> {
        Some(RouteKey::of(&self.config, self.devices.as_ref()?.vrf_table))
    }

    fn state(&self) -> &Managed {
        &self.state
    }

    fn state_mut(&mut self) -> &mut Managed {
        &mut self.state
    }

    fn is_untracked(&self) -> bool {
        self.config.no_track
    }

    fn is_same(&self, other: &Route) -> bool {
        let hops = |row: &Route| (row.config.via, row.config.device.clone(), row.config.hops.clone());
        hops(self) == hops(other)
    }
}

impl Route {
    /// Creates a row whose state in the kernel is unknown.
    pub fn new(config: model::Route) -> Route {
        Route { config, devices: None, state: Managed::default() }
    }

    /// The names of the interfaces that must exist.
    pub fn device_names(&self) -> impl Iterator<Item = &str> {
        self.config.devices().chain(self.config.vrf.as_deref())
    }

    /// Whether a route of the host is this route.
    pub fn is(&self, route: &HostRoute) -> bool {
        self.devices.as_ref().is_some_and(|devices| route.is(&self.config, devices))
    }

    /// Whether a removed route of the host is this route, or one of its next hops.
    pub fn includes(&self, route: &HostRoute) -> bool {
        self.devices.as_ref().is_some_and(|devices| route.is_part_of(&self.config, devices))
    }
}
