//! Branch `haCheck`: real servers.

use snmp::{Column, MibBuilder, ScalarView, Syntax, TableView, Value};

use super::super::module::{Module, PRIORITY};
use super::{CAPABILITY, ROOT, daemon, microseconds, process, targets, text, time_of};
use crate::check::{Change, Check, RealServer, RealServerId};

/// The module in the checker process. Branch `haDaemon` has a higher number, so that it is served by the VRRP process if that
/// runs.
pub(in crate::mib) const MODULE: Module<Check, Change> = Module {
    root: ROOT,
    capability: CAPABILITY,
    subtrees: &[
        (oid![1, 3], PRIORITY),
        (oid![1, 5], PRIORITY),
        (oid![1, 9, 2], PRIORITY),
        (oid![1, 10], PRIORITY + 1),
        (oid![1, 11], PRIORITY),
    ],
    enabled: |global| global.snmp_checker,
    views,
    trap: |_, _| None,
};

fn views(builder: MibBuilder<Check>) -> MibBuilder<Check> {
    daemon::views(builder.table(SERVERS).scalars(process::CHECK).scalars(ACTIVITY).table(targets::CHECK))
}

/// Branch `haCheckActivity`.
const ACTIVITY: [ScalarView<Check>; 3] = [
    ScalarView::new(oid![1, 11, 1], "haChecksRunning", Syntax::Gauge32, |data| {
        Some(Value::Gauge32(u32::try_from(data.tables().running()).unwrap_or(u32::MAX)))
    }),
    ScalarView::new(oid![1, 11, 2], "haChecksLate", Syntax::Counter32, |data| counter(data.tables().late)),
    ScalarView::new(oid![1, 11, 3], "haChecksPostponed", Syntax::Counter32, |data| counter(data.tables().postponed)),
];

/// The lower 32 bits, as a counter has.
fn counter(count: u64) -> Option<Value> {
    Some(Value::Counter32(u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX)))
}

/// haRealServerTable.
const SERVERS: TableView<Check, RealServerId, RealServer> = TableView {
    name: "haRealServerTable",
    entry: oid![1, 3, 1, 1],
    table: |data| &data.tables().real_servers,
    columns: &[
        Column::new(1, "haRealServerService", Syntax::DISPLAY_STRING, |data, id, _| {
            Some(text(&data.tables().virtual_servers.get(&id.0)?.words()))
        }),
        Column::new(2, "haRealServerLastChange", Syntax::DATE_AND_TIME, |_, _, row| {
            row.regular().and_then(|_| time_of(row.since))
        }),
        Column::new(3, "haRealServerFailure", Syntax::DISPLAY_STRING, |data, id, _| {
            let mut checkers = data.tables().checkers.of(id).map(|(_, checker)| checker);
            let failed = checkers.find(|checker| !checker.up && !checker.reason.is_empty())?;
            Some(text(&failed.reason))
        }),
        Column::new(4, "haRealServerLastCheck", Syntax::DATE_AND_TIME, |data, id, _| {
            time_of(data.tables().last_attempt(id)?.0.at)
        }),
        Column::new(5, "haRealServerResult", Syntax::DISPLAY_STRING, |data, id, _| {
            Some(text(&data.tables().last_attempt(id)?.1))
        }),
        Column::new(6, "haRealServerDuration", Syntax::Gauge32, |data, id, _| {
            Some(microseconds(data.tables().last_attempt(id)?.0.took?))
        }),
    ],
};
