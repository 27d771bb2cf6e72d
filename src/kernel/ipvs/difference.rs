//! The minimal changes from one table to another.

use super::change::Change;
use super::table::{ServiceKey, SyncRole, SyncThread, Table};

/// The changes from the `current` services to the `wanted` ones, in order.
///
/// Equal rows are not touched and different ones are changed in place, so connections survive. Destinations are added
/// before others are removed, so no service is without servers in between. Of the services that are not wanted only those
/// that are `ours` are removed; all destinations of a wanted service are ours.
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

/// The changes from the `current` synchronisation threads to the `wanted` ones. A thread whose settings differ is
/// restarted, as the kernel cannot change them. Unset settings match any value, and the message length may be less than
/// wanted, as the kernel limits it to the MTU of the interface.
pub fn sync_difference(current: &[SyncThread], wanted: &[SyncThread]) -> Vec<Change> {
    let mut changes = Vec::new();
    let stays = |now: &SyncThread| wanted.iter().any(|wanted| fits(now, wanted));
    changes.extend(current.iter().filter(|now| !stays(now)).map(|now| Change::StopSync(now.role)));
    let runs = |wanted: &SyncThread| current.iter().any(|now| fits(now, wanted));
    changes.extend(wanted.iter().filter(|wanted| !runs(wanted)).map(|wanted| Change::StartSync(wanted.clone())));
    changes
}

/// The kernel's minimum of the message length for a backup, which must accept messages of any master.
const BACKUP_MIN_LEN: u16 = 1024;

/// Whether the thread `now` in the kernel has the settings of `wanted`.
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

    /// Applies a change as the kernel would; `Err` if the kernel would refuse it or it changes nothing.
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
        /// Every change has an effect, the result is the wanted table, services of others are untouched, and no service
        /// that has servers before and after is without servers in between.
        #[test]
        fn the_changes_lead_to_the_wanted_table(current in table(), wanted in table(), ours in prop::collection::btree_set(0..5u8, 0..5)) {
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

        /// Statistics are ignored, and equal tables need no changes.
        #[test]
        fn statistics_are_not_a_difference(wanted in table(), connections in any::<u64>()) {
            let mut current = wanted.clone();
            for row in current.services.values_mut() {
                row.stats.connections = connections;
                row.destinations.values_mut().for_each(|row| row.active = 7);
            }
            prop_assert_eq!(difference(&current, &wanted, |_| true), []);
        }
    }

    #[test]
    fn a_change_of_one_synchronisation_thread_leaves_the_other_running() {
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
        // A length that the kernel limited causes no restart; a different length that it would accept does.
        let long = |role, length| SyncThread { max_len: Some(length), ..thread(role, 1) };
        assert_eq!(sync_difference(&[long(SyncRole::Backup, 1024)], &[long(SyncRole::Backup, 1000)]), []);
        assert_eq!(sync_difference(&[long(SyncRole::Master, 1472)], &[long(SyncRole::Master, 9000)]), []);
        assert_eq!(sync_difference(&[long(SyncRole::Master, 1024)], &[long(SyncRole::Master, 1000)]).len(), 2);
    }
}
