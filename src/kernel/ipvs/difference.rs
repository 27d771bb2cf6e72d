//! The least changes that make one table into another.

use super::table::{ServiceKey, SyncThread, Table};
use super::writer::Change;

/// The changes from the `current` services to the `wanted` ones, in the order in which they are to be done.
///
/// What is equal is not touched and what differs is set in place, so connections survive. Destinations are added
/// before others are removed, so no service is without servers on the way. Of the services that are not wanted
/// only those that are `ours` are removed; destinations of a wanted service are all ours.
pub fn difference(current: &Table, wanted: &Table, ours: impl Fn(&ServiceKey) -> bool) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut removals = Vec::new();
    for (key, row) in &wanted.services {
        let now = current.services.get(key);
        match now {
            None => changes.push(Change::NewService(row.service.clone())),
            Some(now) if now.service != row.service => changes.push(Change::SetService(row.service.clone())),
            Some(_) => {}
        }
        for (server, wanted) in &row.destinations {
            let destination = wanted.destination.clone();
            match now.and_then(|now| now.destinations.get(server)) {
                None => changes.push(Change::NewDestination(*key, destination)),
                Some(now) if now.destination != destination => {
                    changes.push(Change::SetDestination(*key, destination));
                }
                Some(_) => {}
            }
        }
        let gone = now.into_iter().flat_map(|now| now.destinations.keys());
        let gone = gone.filter(|server| !row.destinations.contains_key(server));
        removals.extend(gone.map(|server| Change::DelDestination(*key, *server)));
    }
    let unwanted = current.services.keys().filter(|key| !wanted.services.contains_key(key));
    removals.extend(unwanted.filter(|key| ours(key)).map(|key| Change::DelService(*key)));
    changes.extend(removals);
    changes
}

/// The changes from the `current` synchronisation threads to the `wanted` ones; a thread whose settings differ is
/// stopped and started, for the kernel cannot set them. Settings that are not wanted in particular may be any.
pub fn sync_difference(current: &[SyncThread], wanted: &[SyncThread]) -> Vec<Change> {
    let mut changes = Vec::new();
    let stays = |now: &SyncThread| wanted.iter().any(|wanted| fits(now, wanted));
    changes.extend(current.iter().filter(|now| !stays(now)).map(|now| Change::StopSync(now.role)));
    let runs = |wanted: &SyncThread| current.iter().any(|now| fits(now, wanted));
    changes.extend(wanted.iter().filter(|wanted| !runs(wanted)).map(|wanted| Change::StartSync(wanted.clone())));
    changes
}

/// Whether a thread as the kernel shows it is as wanted.
fn fits(now: &SyncThread, wanted: &SyncThread) -> bool {
    fn same<T: PartialEq>(now: Option<T>, wanted: Option<T>) -> bool {
        wanted.is_none() || now == wanted
    }
    now.role == wanted.role
        && now.interface == wanted.interface
        && now.id == wanted.id
        && same(now.max_len, wanted.max_len)
        && same(now.port, wanted.port)
        && same(now.ttl, wanted.ttl)
        && same(now.group, wanted.group)
}
