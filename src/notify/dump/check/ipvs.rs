//! What IPVS does not hold as wanted. C keepalived does not show it; the lines are there only where IPVS differs.

use std::collections::BTreeSet;

use crate::check::ipvs::{Change, DestinationKey, Director, ServiceKey, destination_key, service_keys};
use crate::check::{RealServer, Tables, VirtualServerId};

/// What IPVS does not hold as a virtual server wants it.
pub(super) struct Held<'a> {
    ipvs: &'a Director,
    keys: Vec<ServiceKey>,
    /// Services, and destinations of services, whose change is outstanding.
    outstanding: BTreeSet<(ServiceKey, Option<DestinationKey>)>,
}

impl<'a> Held<'a> {
    pub(super) fn new(id: VirtualServerId, tables: &Tables, ipvs: &'a Director) -> Held<'a> {
        let keys = service_keys(tables, id);
        let changes = keys.iter().flat_map(|key| ipvs.outstanding(tables, key));
        let outstanding = changes.filter_map(|change: Change| change.target()).collect();
        Held { ipvs, keys, outstanding }
    }

    /// Whether IPVS holds all services of the virtual server.
    pub(super) fn is_set(&self) -> bool {
        self.ipvs.is_known()
            && self.keys.iter().all(|key| self.ipvs.row(key).is_some_and(|row| row.installed.is_some()))
    }

    /// A line for each service that IPVS does not hold as wanted.
    pub(super) fn services(&self) -> Vec<String> {
        if !self.ipvs.is_known() {
            return vec!["IPVS was not read yet or cannot be read".to_owned()];
        }
        let keys = self.keys.iter().filter(|key| self.outstanding.contains(&(**key, None)));
        keys.map(|key| format!("{key} is not in IPVS as configured: {}", self.reason(key, None))).collect()
    }

    /// Why a real server is not in IPVS as wanted; `None` if it is.
    pub(super) fn server(&self, row: &RealServer) -> Option<String> {
        let parts = self.keys.iter().map(|key| (*key, Some(destination_key(key, row))));
        let parts: Vec<_> = parts.filter(|part| self.outstanding.contains(part)).collect();
        let (key, part) = parts.first().filter(|_| self.ipvs.is_known())?;
        let wanted = match row.wanted {
            Some(weight) => format!("to be in IPVS with weight {weight}"),
            None => "to be removed from IPVS".to_owned(),
        };
        let services = match self.keys.len() {
            1 => String::new(),
            all => format!(" ({} of {all} services)", parts.len()),
        };
        Some(format!("{wanted}{services}: {}", self.reason(key, *part)))
    }

    /// Why a part of a service is not as wanted.
    fn reason(&self, key: &ServiceKey, part: Option<DestinationKey>) -> String {
        let Some(row) = self.ipvs.row(key) else { return String::new() };
        match row.refused.get(&part).or(row.refused.get(&None)) {
            Some(refused) => format!("refused: {}", refused.reason),
            None if row.pending > 0 => "pending".to_owned(),
            None => "waiting".to_owned(),
        }
    }
}
