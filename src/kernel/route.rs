//! Requests to add and remove routes.

use crate::config::model::Route;
use crate::state::Op;
use crate::vrrp::RouteDevices;

/// A request to add or remove a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRequest {
    /// Returned with the result.
    pub token: u64,
    /// The operation. A removal names this very route: others to the same destination stay.
    pub op: Op,
    /// The route.
    pub route: Route,
    /// The devices that it names. A missing one makes the request fail with `ENODEV`.
    pub devices: RouteDevices,
}
