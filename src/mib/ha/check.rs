//! Branch `haCheck`: real servers.

use snmp::{Column, MibBuilder, Syntax, TableView};

use super::super::module::{Module, PRIORITY};
use super::{CAPABILITY, ROOT, process, targets, text, time_of};
use crate::check::{Change, Check, RealServer, RealServerId};

/// The module in the checker process.
pub(in crate::mib) const MODULE: Module<Check, Change> = Module {
    root: ROOT,
    capability: CAPABILITY,
    subtrees: &[(oid![1, 3], PRIORITY), (oid![1, 5], PRIORITY), (oid![1, 9, 2], PRIORITY)],
    enabled: |global| global.snmp_checker,
    views,
    trap: |_, _| None,
};

fn views(builder: MibBuilder<Check>) -> MibBuilder<Check> {
    builder.table(SERVERS).scalars(process::CHECK).table(targets::CHECK)
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
    ],
};
