//! The row indices of the VRRP tables, for a replacement of the process.

use std::collections::BTreeMap;

use crate::config::model;
use crate::state::{self, Lasting, NextIndex, Reader, Unusable, Writer};
use crate::track;

/// The row indices of all VRRP tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

impl Lasting for Indices {
    const NAME: &'static str = "row indices of the VRRP process";
    const VERSION: u32 = 4;

    fn write(&self, sections: &mut Writer) {
        sections.put("instances", &self.instances);
        sections.put("groups", &self.groups);
        sections.put("trackers", &self.trackers);
        // If the form of the lines changes, other names.
        sections.put("addresses", &self.addresses);
        sections.put("routes", &self.routes);
        sections.put("rules", &self.rules);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Indices, Unusable> {
        Ok(Indices {
            instances: sections.take("instances")?,
            groups: sections.take("groups")?,
            trackers: sections.take("trackers")?,
            addresses: sections.take_if_readable("addresses"),
            routes: sections.take_if_readable("routes"),
            rules: sections.take_if_readable("rules"),
        })
    }
}

/// The next free index of the tables of instances and groups.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) instance: NextIndex,
    pub(super) group: NextIndex,
}
