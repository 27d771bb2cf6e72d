//! Events of the kernel's links, addresses, routes and rules.

use super::tables::{Addr, Link};
use crate::vrrp::HostRoute;
use crate::vrrp::HostRule;

/// A change of the watched tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    /// A link is new or has changed.
    Link(Link),
    /// A link was removed, or moved to another network namespace.
    LinkGone {
        /// Index of the link.
        index: u32,
        /// Name of the link.
        name: String,
    },
    /// An address is new or has changed.
    Address(Addr),
    /// An address was removed.
    AddressGone(Addr),
    /// A route is new or has changed.
    Route {
        /// The route.
        route: HostRoute,
        /// It has replaced another route with the same key.
        replaces: bool,
    },
    /// A route was removed. A removed route with several next hops may be reported hop by hop.
    RouteGone(HostRoute),
    /// A rule is new.
    Rule(HostRule),
    /// A rule was removed.
    RuleGone(HostRule),
    /// All rows of the watched tables: every other known one is gone.
    Snapshot(Snapshot),
}

/// All rows of the watched tables at one time, in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Links.
    pub links: Vec<Link>,
    /// IPv4 and IPv6 addresses.
    pub addresses: Vec<Addr>,
    /// IPv4 and IPv6 routes of the watched protocols; empty if routes are not watched.
    pub routes: Vec<HostRoute>,
    /// IPv4 and IPv6 rules of the watched protocols; empty if rules are not watched.
    pub rules: Vec<HostRule>,
}
