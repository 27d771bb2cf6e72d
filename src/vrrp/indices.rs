//! The row indices of the VRRP tables, for a replacement of the process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::model;
use crate::state::{self, NextIndex, Record};
use crate::track;

/// The row indices of all VRRP tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    /// Instances by name.
    pub(super) instances: state::Indices<String>,
    /// Sync groups by name.
    pub(super) groups: state::Indices<String>,
    /// Positions of the addresses of each owner in vrrpAddressTable.
    pub(super) addresses: BTreeMap<u32, state::Indices<model::Address>>,
    /// Trackers by kind and name.
    pub(super) trackers: track::Indices,
}

impl Record for Indices {
    const NAME: &'static str = "row indices of the VRRP process";
    const VERSION: u32 = 2;
}

/// The next free index of each table, except for the addresses of instances, whose next position is in the instance's row.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) instance: NextIndex,
    pub(super) group: NextIndex,
    pub(super) static_address: NextIndex,
}
