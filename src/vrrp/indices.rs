//! The row indices of the VRRP tables, for a replacement of the process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lookup::STATIC;
use super::rows::InstanceId;
use super::tables::Tables;
use crate::config::model;
use crate::state::{self, NextIndex, Record};

/// Which row has which index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    /// By name.
    pub(super) instances: state::Indices<String>,
    /// By name.
    pub(super) groups: state::Indices<String>,
    /// vrrpAddressTable: the positions of each owner's addresses.
    pub(super) addresses: BTreeMap<u32, state::Indices<model::Address>>,
}

impl Record for Indices {
    const NAME: &'static str = "row indices of the VRRP process";
    const VERSION: u32 = 1;
}

/// The index of the next new row of each table, as far as it is not in a row.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) instance: NextIndex,
    pub(super) group: NextIndex,
    pub(super) static_address: NextIndex,
}

impl Tables {
    /// The present indices. They change with the configuration only.
    pub fn indices(&self) -> Indices {
        let owners = self.instances.keys().copied().chain([STATIC]);
        let rows = self.instances.iter().map(|(id, row)| (row.config.name.clone(), id.0)).collect();
        Indices {
            instances: state::Indices { rows, next: self.next.instance },
            groups: self.group_indices(),
            addresses: owners.map(|owner| (owner.0, self.address_indices(owner))).collect(),
        }
    }

    pub(super) fn group_indices(&self) -> state::Indices<String> {
        let rows = self.groups.iter().map(|(id, row)| (row.config.name.clone(), id.0)).collect();
        state::Indices { rows, next: self.next.group }
    }

    pub(super) fn address_indices(&self, owner: InstanceId) -> state::Indices<model::Address> {
        let rows = self.addresses.of(&owner.0).map(|((_, position), row)| (row.config.clone(), *position)).collect();
        state::Indices { rows, next: self.next_address(owner) }
    }

    /// The position of the next new address of an owner.
    pub(super) fn next_address(&self, owner: InstanceId) -> NextIndex {
        if owner == STATIC {
            return self.next.static_address;
        }
        self.instances.get(&owner).map(|row| row.next_address).unwrap_or_default()
    }

    /// Sets [`Tables::next_address`].
    pub(super) fn set_next_address(&mut self, owner: InstanceId, next: NextIndex) {
        if owner == STATIC {
            self.next.static_address = next;
        } else if let Some(row) = self.instances.get_mut(&owner) {
            row.next_address = next;
        }
    }
}
