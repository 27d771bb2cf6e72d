//! `lvs_sync_daemon`: the wanted synchronisation threads, and the changes from the running ones to these.

use super::change::Change;
use super::table::{SyncRole, SyncThread};
use crate::config::lvs::SyncDaemon;

/// The synchronisation thread of one role.
pub fn sync(daemon: &SyncDaemon, role: SyncRole) -> SyncThread {
    SyncThread {
        role,
        interface: daemon.interface.clone(),
        id: daemon.id,
        max_len: daemon.max_len,
        port: daemon.port,
        ttl: daemon.ttl,
        group: daemon.group,
    }
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
    use super::*;

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
