//! All virtual routers of a process, and access to one of them.

use std::time::Duration;

use super::event::Output;
use super::held::Held;
use super::ids::InstanceId;
use super::router::{Router, Site};
use super::rows::Instance;
use super::tables::Tables;
use super::turn::Turn;
use crate::system::{HasSystem, System};

/// All virtual routers of a process.
#[derive(Debug)]
pub struct Vrrp {
    /// The rows; only the machines write them.
    pub(super) tables: Tables,
    pub(super) turn: Turn,
    /// Removed instances whose rows the views may still want to see.
    pub(super) retired: Vec<InstanceId>,
    /// What a predecessor has left, until the interfaces are known.
    pub(super) inherited: Held,
    /// When the kernel last answered a request for a VMAC.
    pub(super) vmac_progress: Duration,
}

impl HasSystem for Vrrp {
    fn system(&self) -> &System {
        &self.tables.system
    }
}

impl Vrrp {
    /// Machines over the rows of a configuration; they wait for [`Event::Interfaces`](super::Event::Interfaces) and
    /// [`Event::Start`](super::Event::Start).
    pub fn new(tables: Tables) -> Vrrp {
        Vrrp {
            tables,
            turn: Turn::new(),
            retired: Vec::new(),
            inherited: Held::default(),
            vmac_progress: Duration::ZERO,
        }
    }

    /// The rows, for the views.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Hands over what the events so far have produced.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.turn.output)
    }

    /// Time of the last event.
    pub fn now(&self) -> Duration {
        self.turn.now
    }

    /// An instance with all around it.
    pub(super) fn router(&mut self, id: InstanceId) -> Option<Router<'_>> {
        let Tables { instances, groups, addresses, interfaces, lookups, trackers, lacking, .. } = &mut self.tables;
        let row = instances.get_mut(&id)?;
        Some(Router {
            id,
            row,
            groups,
            trackers,
            lacking,
            site: Site { addresses, interfaces, lookups, turn: &mut self.turn },
        })
    }

    /// The addresses, with the instance that owns some of them; static ones have none.
    pub(super) fn site(&mut self, owner: InstanceId) -> (Option<&Instance>, Site<'_>) {
        let Tables { instances, addresses, interfaces, lookups, .. } = &mut self.tables;
        (instances.get(&owner), Site { addresses, interfaces, lookups, turn: &mut self.turn })
    }
}
