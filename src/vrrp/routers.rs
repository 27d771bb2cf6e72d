//! The machine of all virtual routers of a process, and access to single instances.

use std::time::Duration;

use super::event::Output;
use super::held::Held;
use super::ids::{InstanceId, Owner};
use super::router::{Router, Site};
use super::rows::Instance;
use super::tables::Tables;
use super::turn::Turn;
use crate::system::{HasSystem, System};

/// The machine of all virtual routers and sync groups of a process.
#[derive(Debug)]
pub struct Vrrp {
    /// The rows; only the machine writes them.
    pub(super) tables: Tables,
    pub(super) turn: Turn,
    /// Removed instances, whose rows remain until the views have processed the change.
    pub(super) retired: Vec<InstanceId>,
    /// Addresses and links left by a predecessor, until the interfaces are known.
    pub(super) inherited: Held,
    /// Time of the last answer or notification of the kernel about a link that the daemon makes.
    pub(super) link_progress: Duration,
    /// The timer of the firewall.
    pub(super) firewall_due: Option<Duration>,
}

impl HasSystem for Vrrp {
    fn system(&self) -> &System {
        &self.tables.system
    }
}

impl Vrrp {
    /// Creates the machine for the rows of a configuration. It waits for [`Event::Interfaces`](super::Event::Interfaces)
    /// and [`Event::Start`](super::Event::Start).
    pub fn new(tables: Tables) -> Vrrp {
        Vrrp {
            tables,
            turn: Turn::new(),
            retired: Vec::new(),
            inherited: Held::default(),
            link_progress: Duration::ZERO,
            firewall_due: None,
        }
    }

    /// The rows, for the views.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Instances that the last configuration has removed, while their rows still exist for the views.
    pub fn retired(&self) -> &[InstanceId] {
        &self.retired
    }

    /// Takes the actions and changes of the events so far.
    pub fn take_output(&mut self) -> Output {
        self.follow_firewall();
        let output = std::mem::take(&mut self.turn.output);
        self.tables.record(&output.changes, self.turn.now);
        output
    }

    /// Time of the last event.
    pub fn now(&self) -> Duration {
        self.turn.now
    }

    /// Returns an instance with its surroundings.
    pub(super) fn router(&mut self, id: InstanceId) -> Option<Router<'_>> {
        let Tables {
            instances,
            groups,
            gateways,
            trackers,
            lacking,
            addresses,
            routes,
            rules,
            routing,
            interfaces,
            lookups,
            router_counters: counters,
            ..
        } = &mut self.tables;
        let site = Site { addresses, routes, rules, routing, interfaces, lookups, turn: &mut self.turn };
        Some(Router { id, row: instances.get_mut(&id)?, groups, gateways, trackers, lacking, counters, site })
    }

    /// Returns the rows about objects of the kernel, with the instance that is their owner; static objects have none.
    pub(super) fn site(&mut self, owner: Owner) -> (Option<&Instance>, Site<'_>) {
        let Tables { instances, addresses, routes, rules, routing, interfaces, lookups, .. } = &mut self.tables;
        let instance = owner.instance().and_then(|id| instances.get(&id));
        (instance, Site { addresses, routes, rules, routing, interfaces, lookups, turn: &mut self.turn })
    }
}
