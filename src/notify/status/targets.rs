//! The receivers of notifications in the part of a process.

use snmp::target::Counts;

use crate::status::Target;
use crate::system::System;

/// The targets of `snmp_trap_target`.
pub(super) fn targets(system: &System) -> Vec<Target> {
    let targets = system.targets.values().map(|row| Target {
        target: row.config.host.to_string(),
        inform: row.config.inform,
        queued: row.counters.get(Counts::Queued),
        sent: row.counters.get(Counts::Sent),
        acknowledged: row.counters.get(Counts::Acknowledged),
        dropped: row.counters.get(Counts::Dropped),
        waiting: row.counters.waiting(),
    });
    targets.collect()
}
