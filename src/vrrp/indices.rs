//! The row indices of the VRRP tables, for a replacement of the process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::model;
use crate::state::{self, NextIndex, Record};
use crate::track;

/// Which row has which index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    /// By name.
    pub(super) instances: state::Indices<String>,
    /// By name.
    pub(super) groups: state::Indices<String>,
    /// vrrpAddressTable: the positions of each owner's addresses.
    pub(super) addresses: BTreeMap<u32, state::Indices<model::Address>>,
    /// By kind and name.
    pub(super) trackers: track::Indices,
}

impl Record for Indices {
    const NAME: &'static str = "row indices of the VRRP process";
    const VERSION: u32 = 2;
}

/// The index of the next new row of each table, as far as it is not in a row.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) instance: NextIndex,
    pub(super) group: NextIndex,
    pub(super) static_address: NextIndex,
}
