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
    /// Positions of the routes of each owner in vrrpRouteTable.
    pub(super) routes: BTreeMap<u32, state::Indices<model::Route>>,
    /// Positions of the rules of each owner in vrrpRuleTable.
    pub(super) rules: BTreeMap<u32, state::Indices<model::Rule>>,
    /// Trackers by kind and name.
    pub(super) trackers: track::Indices,
}

impl Record for Indices {
    const NAME: &'static str = "row indices of the VRRP process";
    const VERSION: u32 = 3;
}

/// The next free index of the tables of instances and groups.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) instance: NextIndex,
    pub(super) group: NextIndex,
}
