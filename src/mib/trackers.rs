//! vrrpScriptTable, vrrpFileTable, vrrpBfdTable and vrrpProcessTable.

use snmp::{Column, Syntax, TableView, Value};

use super::values::{TRUTH, micros, program, script};
use crate::config::model::{ParameterMatch, TrackProcess};
use crate::track::{File, Process, Reading, Script, Session, Tracker};
use crate::vrrp::Vrrp;

const STRING: Syntax = Syntax::DISPLAY_STRING;
const INTEGER: Syntax = Syntax::INTEGER32;
const UNSIGNED: Syntax = Syntax::UNSIGNED32;
const WEIGHT: Syntax = Syntax::Integer32 { min: -254, max: 254 };

/// vrrpScriptTable.
pub(super) const SCRIPTS: TableView<Vrrp, u32, Tracker<Script>> = TableView {
    name: "vrrpScriptTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 9, 1],
    table: |data| &data.tables().trackers.scripts,
    columns: &[
        Column::new(2, "vrrpScriptName", STRING, |_, _, tracker| Some(Value::text(&tracker.row.config.name))),
        Column::new(3, "vrrpScriptCommand", STRING, |_, _, tracker| script(Some(&tracker.row.config.script))),
        Column::new(4, "vrrpScriptInterval", INTEGER, |_, _, tracker| {
            Some(Value::Integer(i32::try_from(tracker.row.config.interval.as_secs()).unwrap_or(i32::MAX)))
        }),
        Column::new(5, "vrrpScriptWeight", INTEGER, |_, _, tracker| weight(tracker.row.config.weight)),
        Column::new(
            6,
            "vrrpScriptResult",
            Syntax::Enum(&[("init", 1), ("bad", 2), ("good", 3), ("initfailed", 5)]),
            |_, _, tracker| Some(Value::Integer(script_result(&tracker.row))),
        ),
        Column::new(7, "vrrpScriptRise", UNSIGNED, |_, _, tracker| Some(Value::Gauge32(tracker.row.config.rise))),
        Column::new(8, "vrrpScriptFall", UNSIGNED, |_, _, tracker| Some(Value::Gauge32(tracker.row.config.fall))),
        Column::new(9, "vrrpScriptWgtRev", TRUTH, |_, _, tracker| Some(Value::truth(tracker.row.config.reverse))),
        Column::new(10, "vrrpScriptPath", STRING, |_, _, tracker| program(Some(&tracker.row.config.script))),
        Column::new(11, "vrrpScriptIntervalUsec", UNSIGNED, |_, _, tracker| micros(tracker.row.config.interval)),
        Column::new(12, "vrrpScriptTimeoutUsec", UNSIGNED, |_, _, tracker| micros(tracker.row.config.timeout)),
    ],
};

/// vrrpFileTable.
pub(super) const FILES: TableView<Vrrp, u32, Tracker<File>> = TableView {
    name: "vrrpFileTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 13, 1],
    table: |data| &data.tables().trackers.files,
    columns: &[
        Column::new(2, "vrrpFileName", STRING, |_, _, tracker| Some(Value::text(&tracker.row.config.name))),
        Column::new(3, "vrrpFilePath", STRING, |_, _, tracker| Some(Value::text(&tracker.row.config.path))),
        Column::new(4, "vrrpFileResult", INTEGER, |_, _, tracker| tracker.row.number.map(Value::Integer)),
        Column::new(5, "vrrpFileWeight", WEIGHT, |_, _, tracker| {
            Some(Value::Integer(tracker.row.config.weight.clamp(-254, 254)))
        }),
        Column::new(6, "vrrpFileWgtRev", TRUTH, |_, _, tracker| Some(Value::truth(tracker.row.config.reverse))),
    ],
};

/// vrrpBfdTable.
pub(super) const SESSIONS: TableView<Vrrp, u32, Tracker<Session>> = TableView {
    name: "vrrpBfdTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 18, 1],
    table: |data| &data.tables().trackers.sessions,
    columns: &[
        Column::new(2, "vrrpBfdName", STRING, |_, _, tracker| Some(Value::text(&tracker.row.config.name))),
        Column::new(3, "vrrpBfdResult", INTEGER, |_, _, tracker| {
            Some(Value::Integer((tracker.row.reading == Reading::Up).into()))
        }),
        Column::new(4, "vrrpBfdWeight", WEIGHT, |_, _, tracker| weight(tracker.row.config.weight)),
        Column::new(5, "vrrpBfdWgtRev", TRUTH, |_, _, tracker| Some(Value::truth(tracker.row.config.reverse))),
    ],
};

/// vrrpProcessTable.
pub(super) const PROCESSES: TableView<Vrrp, u32, Tracker<Process>> = TableView {
    name: "vrrpProcessTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 21, 1],
    table: |data| &data.tables().trackers.processes,
    columns: &[
        Column::new(2, "vrrpProcessName", STRING, |_, _, tracker| Some(Value::text(&tracker.row.config.name))),
        Column::new(3, "vrrpProcessPath", STRING, |_, _, tracker| Some(Value::text(&tracker.row.config.command))),
        Column::new(4, "vrrpProcessParams", STRING, |_, _, tracker| {
            let parameters = tracker.row.config.parameters.as_deref();
            Some(Value::text(parameters.unwrap_or_default().join(" ")))
        }),
        Column::new(
            5,
            "vrrpProcessParamMatch",
            Syntax::Enum(&[("none", 0), ("exact", 1), ("partial", 2), ("initial", 3)]),
            |_, _, tracker| Some(Value::Integer(parameter_match(&tracker.row.config))),
        ),
        Column::new(6, "vrrpProcessWeight", WEIGHT, |_, _, tracker| weight(tracker.row.config.weight)),
        Column::new(7, "vrrpProcessWgtRev", TRUTH, |_, _, tracker| Some(Value::truth(tracker.row.config.reverse))),
        Column::new(8, "vrrpProcessQuorum", UNSIGNED, |_, _, tracker| Some(Value::Gauge32(tracker.row.config.quorum))),
        Column::new(9, "vrrpProcessQuorumMax", INTEGER, |_, _, tracker| {
            let most = tracker.row.config.quorum_max;
            Some(Value::Integer(most.map_or(-1, |most| i32::try_from(most).unwrap_or(i32::MAX))))
        }),
        Column::new(10, "vrrpProcessForkDelay", UNSIGNED, |_, _, tracker| micros(tracker.row.config.fork_delay)),
        Column::new(11, "vrrpProcessTerminateDelay", UNSIGNED, |_, _, tracker| {
            micros(tracker.row.config.terminate_delay)
        }),
        Column::new(12, "vrrpProcessFullCommand", TRUTH, |_, _, tracker| {
            let config = &tracker.row.config;
            Some(Value::truth(config.full_command || config.parameters.is_some()))
        }),
        Column::new(13, "vrrpProcessCurProc", INTEGER, |_, _, tracker| {
            tracker.row.count.map(|count| Value::Integer(i32::try_from(count).unwrap_or(i32::MAX)))
        }),
        Column::new(14, "vrrpProcessResult", TRUTH, |_, _, tracker| {
            Some(Value::truth(tracker.row.reading == Reading::Up))
        }),
    ],
};

fn weight(weight: i16) -> Option<Value> {
    Some(Value::Integer(weight.into()))
}

fn script_result(row: &Script) -> i32 {
    match row.reading {
        _ if row.initial && row.config.init_fail => 5,
        _ if row.initial => 1,
        Reading::Up => 3,
        Reading::Unknown | Reading::Down | Reading::Number(_) => 2,
    }
}

/// The value of vrrpProcessParamMatch as the MIB defines it; C keepalived swaps partial and initial.
fn parameter_match(config: &TrackProcess) -> i32 {
    match (&config.parameters, config.matching) {
        (None, _) => 0,
        (Some(_), ParameterMatch::Exact) => 1,
        (Some(_), ParameterMatch::Partial) => 2,
        (Some(_), ParameterMatch::Initial) => 3,
    }
}
