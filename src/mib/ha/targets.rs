//! Branch `haTargets`: the targets of `snmp_trap_target`. Each process serves a table of its own.

/// The table of a process. Arguments: its number, and the prefix of the descriptors.
macro_rules! targets {
    ($table:literal, $prefix:literal) => {
        TableView {
            name: concat!($prefix, "TargetTable"),
            entry: oid![1, 9, $table, 1],
            table: |data| &data.system().targets,
            columns: &[
                counter(2, concat!($prefix, "TargetQueued"), |_, _, row| Some(count(row, Counts::Queued))),
                counter(3, concat!($prefix, "TargetSent"), |_, _, row| Some(count(row, Counts::Sent))),
                counter(4, concat!($prefix, "TargetAcknowledged"), |_, _, row| Some(count(row, Counts::Acknowledged))),
                counter(5, concat!($prefix, "TargetDropped"), |_, _, row| Some(count(row, Counts::Dropped))),
                Column::new(6, concat!($prefix, "TargetWaiting"), Syntax::Gauge32, |_, _, row| {
                    Some(Value::Gauge32(u32::try_from(row.counters.waiting()).unwrap_or(u32::MAX)))
                }),
            ],
        }
    };
}

use snmp::target::Counts;
use snmp::{Column, Oid, Syntax, TableView, Value};

use crate::check::Check;
use crate::system::{HasSystem, Target};
use crate::vrrp::Vrrp;

/// haVrrpTargetTable.
pub(super) const VRRP: TableView<Vrrp, Oid, Target> = targets!(1, "haVrrp");

/// haCheckTargetTable.
pub(super) const CHECK: TableView<Check, Oid, Target> = targets!(2, "haCheck");

const fn counter<T>(
    number: u32,
    name: &'static str,
    get: fn(&T, &Oid, &Target) -> Option<Value>,
) -> Column<T, Oid, Target> {
    Column::new(number, name, Syntax::Counter32, get)
}

/// The lower 32 bits, as a counter has.
fn count(row: &Target, counts: Counts) -> Value {
    Value::Counter32(u32::try_from(row.counters.get(counts) & u64::from(u32::MAX)).unwrap_or(u32::MAX))
}
