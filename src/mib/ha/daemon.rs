//! Branch `haDaemon`: the processes and the last reload, as the parent knows them, and the notifications about them.

use snmp::{Column, MibBuilder, Oid, ScalarView, Syntax, TableView, Value, VarBind};

use super::super::traps::Trap;
use super::{microseconds, text, time_of};
use crate::system::{HasSystem, News, Process, Reload};

/// Adds its table and scalars.
pub(super) fn views<T: HasSystem + 'static>(builder: MibBuilder<T>) -> MibBuilder<T> {
    builder.table(processes()).scalars(reload())
}

/// haProcessTable.
fn processes<T: HasSystem>() -> TableView<T, u32, Process> {
    TableView {
        name: "haProcessTable",
        entry: oid![1, 10, 1, 1],
        table: |data| &data.system().processes,
        columns: const {
            &[
                Column::new(2, "haProcessName", Syntax::DISPLAY_STRING, |_, _, row| Some(text(&row.name))),
                Column::new(3, "haProcessStarted", Syntax::DATE_AND_TIME, |_, _, row| time_of(row.since?)),
                Column::new(4, "haProcessRestarts", Syntax::Counter32, |_, _, row| {
                    Some(Value::Counter32(row.restarts))
                }),
                Column::new(5, "haProcessLastRestart", Syntax::DATE_AND_TIME, |_, _, row| time_of(row.last_restart?)),
                Column::new(6, "haProcessLateMax", Syntax::Gauge32, |_, _, row| {
                    row.since.map(|_| microseconds(row.late.max))
                }),
                Column::new(7, "haProcessLateP99", Syntax::Gauge32, |_, _, row| {
                    row.since.map(|_| microseconds(row.late.p99))
                }),
            ]
        },
    }
}

fn last<T: HasSystem>(data: &T) -> Option<&Reload> {
    data.system().last_reload.as_ref()
}

/// The scalars about the last reload.
fn reload<T: HasSystem>() -> [ScalarView<T>; 3] {
    [
        ScalarView::new(oid![1, 10, 2], "haLastReload", Syntax::DATE_AND_TIME, |data| time_of(last(data)?.at)),
        ScalarView::new(
            oid![1, 10, 3],
            "haLastReloadResult",
            Syntax::Enum(&[("applied", 1), ("refused", 2)]),
            |data| Some(Value::Integer(if last(data)?.refused.is_some() { 2 } else { 1 })),
        ),
        ScalarView::new(oid![1, 10, 4], "haLastReloadReason", Syntax::DISPLAY_STRING, |data| {
            Some(text(last(data)?.refused.as_ref()?))
        }),
    ]
}

/// The notification for news about the daemon; `enable_traps` sends it to the AgentX master.
pub fn trap<T: HasSystem>(news: News, data: &T) -> Option<Trap> {
    let (number, objects) = match news {
        News::Restarted(process) => {
            let row = data.system().processes.get(&process)?;
            let objects =
                [(oid![1, 10, 1, 1, 2], text(&row.name)), (oid![1, 10, 1, 1, 4], Value::Counter32(row.restarts))];
            (1, objects.map(|(column, value)| (Oid::new(column).child(process), value)).to_vec())
        }
        News::ReloadRefused => (2, vec![(Oid::new(oid![1, 10, 4, 0]), text(last(data)?.refused.as_ref()?))]),
    };
    let objects = objects.into_iter().map(|(name, value)| VarBind { name, value }).collect();
    Some(Trap { oid: Oid::new(oid![0]).child(number), objects })
}
