//! The least changes that make one table into another.

use super::change::Change;
use super::table::{ServiceKey, SyncRole, SyncThread, Table};

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
/// stopped and started, for the kernel cannot set them. Settings that are not wanted in particular may be any, and the
/// length of messages may be less than wanted: the kernel cuts it to the interface's MTU.
pub fn sync_difference(current: &[SyncThread], wanted: &[SyncThread]) -> Vec<Change> {
    let mut changes = Vec::new();
    let stays = |now: &SyncThread| wanted.iter().any(|wanted| fits(now, wanted));
    changes.extend(current.iter().filter(|now| !stays(now)).map(|now| Change::StopSync(now.role)));
    let runs = |wanted: &SyncThread| current.iter().any(|now| fits(now, wanted));
    changes.extend(wanted.iter().filter(|wanted| !runs(wanted)).map(|wanted| Change::StartSync(wanted.clone())));
    changes
}

/// What the kernel makes of a shorter message length for a backup, which must take what any master sends.
const BACKUP_MIN_LEN: u16 = 1024;

/// Whether a thread as the kernel shows it is as wanted.
fn fits(now: &SyncThread, wanted: &SyncThread) -> bool {
    fn same<T: PartialEq>(now: Option<T>, wanted: Option<T>) -> bool {
        wanted.is_none() || now == wanted
    }
    let shortest = if wanted.role == SyncRole::Backup { BACKUP_MIN_LEN } else { 0 };
    let longest = wanted.max_len.map_or(u16::MAX, |wanted| wanted.max(shortest));
    now.role == wanted.role
        && now.interface == wanted.interface
        && now.id == wanted.id
        && now.max_len.is_none_or(|now| now <= longest)
        && same(now.port, wanted.port)
        && same(now.ttl, wanted.ttl)
        && same(now.group, wanted.group)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::config::lvs::{Method, Tunnel};
    use crate::kernel::ipvs::{Destination, DestinationKey, Service, ServiceRow};

    /// What the kernel would make of a change; `Err` for what it would refuse, or has no need for.
    fn perform(table: &mut Table, change: Change) -> Result<(), Change> {
        let done = match &change {
            Change::NewService(service) => table.services.insert(service.key, service.clone().into()).is_none(),
            Change::SetService(service) => table.services.get_mut(&service.key).is_some_and(|row| {
                let differs = row.service != *service;
                row.service = service.clone();
                differs
            }),
            Change::DelService(key) => table.services.remove(key).is_some(),
            Change::NewDestination(key, destination) => table.services.get_mut(key).is_some_and(|row| {
                let new = !row.destinations.contains_key(&destination.key);
                row.insert(destination.clone());
                new
            }),
            Change::SetDestination(key, destination) => table.services.get_mut(key).is_some_and(|row| {
                let now = row.destinations.get(&destination.key).map(|row| row.destination.clone());
                row.insert(destination.clone());
                now.is_some_and(|now| now != *destination)
            }),
            Change::DelDestination(key, destination) => {
                table.services.get_mut(key).is_some_and(|row| row.destinations.remove(destination).is_some())
            }
            other => panic!("{other:?}"),
        };
        if done { Ok(()) } else { Err(change) }
    }

    fn key(number: u8) -> ServiceKey {
        ServiceKey::Address { protocol: 6, ip: IpAddr::from([10, 0, 0, number]), port: 80 }
    }

    fn service() -> impl Strategy<Value = ServiceRow> {
        let destination = (0..5u8, 0..3i32, 0..2u32, prop::bool::ANY).prop_map(|(number, weight, limit, tunnel)| {
            let method = if tunnel { Method::Tun(Tunnel::Ipip) } else { Method::Nat };
            Destination {
                key: DestinationKey { ip: IpAddr::from([192, 168, 0, number]), port: 80 },
                forwarding: method.into(),
                weight,
                upper_threshold: limit,
                lower_threshold: 0,
            }
        });
        let destinations = prop::collection::vec(destination, 0..5);
        (0..5u8, prop::sample::select(vec!["rr", "wlc"]), 0..2u32, destinations).prop_map(
            |(number, scheduler, timeout, destinations)| {
                let mut row = ServiceRow::from(Service {
                    key: key(number),
                    scheduler: scheduler.to_owned(),
                    flags: timeout,
                    timeout,
                    netmask: u32::MAX,
                    engine: None,
                });
                destinations.into_iter().for_each(|destination| row.insert(destination));
                row
            },
        )
    }

    fn table() -> impl Strategy<Value = Table> {
        prop::collection::vec(service(), 0..5).prop_map(|rows| Table {
            services: rows.into_iter().map(|row| (row.service.key, row)).collect(),
            ..Table::default()
        })
    }

    proptest! {
        /// Every change has something to change, the end is what was wanted, others' services are untouched, and no
        /// service that keeps servers is without them on the way.
        #[test]
        fn the_wanted_table_is_reached(current in table(), wanted in table(), ours in prop::collection::btree_set(0..5u8, 0..5)) {
            let ours: BTreeSet<ServiceKey> = ours.into_iter().map(key).collect();
            let mut kernel = current.clone();
            for change in difference(&current, &wanted, |key| ours.contains(key)) {
                prop_assert_eq!(perform(&mut kernel, change), Ok(()));
                for (key, row) in &kernel.services {
                    let served = |table: &Table| table.services.get(key).is_some_and(|row| !row.destinations.is_empty());
                    prop_assert!(!row.destinations.is_empty() || !served(&current) || !served(&wanted));
                }
            }
            let mut end = wanted.clone();
            for (key, row) in &current.services {
                if !wanted.services.contains_key(key) && !ours.contains(key) {
                    end.services.insert(*key, row.clone());
                }
            }
            prop_assert_eq!(&kernel, &end);
            prop_assert_eq!(difference(&kernel, &wanted, |key| ours.contains(key)), []);
        }

        /// The statistics of a table have no part in it, and a table is not changed into itself.
        #[test]
        fn traffic_is_no_difference(wanted in table(), connections in any::<u64>()) {
            let mut current = wanted.clone();
            for row in current.services.values_mut() {
                row.stats.connections = connections;
                row.destinations.values_mut().for_each(|row| row.active = 7);
            }
            prop_assert_eq!(difference(&current, &wanted, |_| true), []);
        }
    }

    #[test]
    fn one_synchronisation_thread_does_not_disturb_the_other() {
        let thread = |role, id| SyncThread {
            role,
            interface: "eth0".to_owned(),
            id,
            max_len: None,
            port: None,
            ttl: None,
            group: None,
        };
        let shown = |role, id| SyncThread { port: Some(8848), ttl: Some(1), ..thread(role, id) };
        let current = [shown(SyncRole::Master, 1), shown(SyncRole::Backup, 1)];
        let wanted = [thread(SyncRole::Master, 1), thread(SyncRole::Backup, 2)];
        let changes = [Change::StopSync(SyncRole::Backup), Change::StartSync(wanted[1].clone())];
        assert_eq!(sync_difference(&current, &wanted), changes);
        assert_eq!(sync_difference(&current, &current), []);
        assert_eq!(sync_difference(&current, &[]).len(), 2);
        // The kernel's limits are no reason to start a thread again; a length that it would take is.
        let long = |role, length| SyncThread { max_len: Some(length), ..thread(role, 1) };
        assert_eq!(sync_difference(&[long(SyncRole::Backup, 1024)], &[long(SyncRole::Backup, 1000)]), []);
        assert_eq!(sync_difference(&[long(SyncRole::Master, 1472)], &[long(SyncRole::Master, 9000)]), []);
        assert_eq!(sync_difference(&[long(SyncRole::Master, 1024)], &[long(SyncRole::Master, 1000)]).len(), 2);
    }
}
