//! The minimal changes from an installed service to the wanted one.

use std::collections::BTreeSet;

use super::change::Change;
use super::service::{DestinationKey, Installed, ServiceKey, Wanted};

/// The changes from a service as it is to the `wanted` one, in order.
///
/// Equal entries are not touched and different ones are changed in place, so connections survive. Destinations are added in the
/// order of `wanted`, and before others are removed, so the service is not without servers in between. A service that is not
/// wanted is removed.
pub fn difference(key: ServiceKey, now: Option<&Installed>, wanted: Option<&Wanted>) -> Vec<Change> {
    let Some(wanted) = wanted else {
        return now.map(|_| Change::DelService(key)).into_iter().collect();
    };
    let mut changes = Vec::new();
    match now {
        None => changes.push(Change::NewService(wanted.service.clone())),
        Some(now) if now.service != wanted.service => changes.push(Change::SetService(wanted.service.clone())),
        Some(_) => {}
    }
    for destination in &wanted.destinations {
        match now.and_then(|now| now.destinations.get(&destination.key)) {
            None => changes.push(Change::NewDestination(key, destination.clone())),
            Some(now) if now != destination => changes.push(Change::SetDestination(key, destination.clone())),
            Some(_) => {}
        }
    }
    if let Some(now) = now {
        let kept: BTreeSet<DestinationKey> = wanted.destinations.iter().map(|destination| destination.key).collect();
        let gone = now.destinations.keys().filter(|server| !kept.contains(server));
        changes.extend(gone.map(|server| Change::DelDestination(key, *server)));
    }
    changes
}
