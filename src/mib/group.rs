//! vrrpSyncGroupTable and vrrpSyncGroupMemberTable.

use snmp::{Column, Syntax, TableView, Value};

use super::values::{ENABLED, STATE, enabled, script, state};
use crate::vrrp::{Group, GroupId, Member, Vrrp};

const STRING: Syntax = Syntax::DISPLAY_STRING;

/// vrrpSyncGroupTable.
pub(super) const GROUPS: TableView<Vrrp, GroupId, Group> = TableView {
    name: "vrrpSyncGroupTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 1, 1],
    table: |data| &data.tables().groups,
    columns: &[
        Column::new(2, "vrrpSyncGroupName", STRING, |_, _, row| Some(Value::text(&row.config.name))),
        Column::new(3, "vrrpSyncGroupState", STATE, |_, _, row| Some(state(row.state))),
        Column::new(4, "vrrpSyncGroupSmtpAlert", ENABLED, |_, _, row| enabled(row.config.smtp_alert)),
        Column::new(5, "vrrpSyncGroupNotifyExec", ENABLED, |_, _, row| {
            enabled(row.config.scripts != Default::default())
        }),
        Column::new(6, "vrrpSyncGroupScriptMaster", STRING, |_, _, row| script(row.config.scripts.master.as_ref())),
        Column::new(7, "vrrpSyncGroupScriptBackup", STRING, |_, _, row| script(row.config.scripts.backup.as_ref())),
        Column::new(8, "vrrpSyncGroupScriptFault", STRING, |_, _, row| script(row.config.scripts.fault.as_ref())),
        Column::new(9, "vrrpSyncGroupScript", STRING, |_, _, row| script(row.config.scripts.any.as_ref())),
        Column::new(10, "vrrpSyncGroupTrackingWeight", ENABLED, |_, _, row| enabled(row.config.tracking_weight)),
        Column::new(11, "vrrpSyncGroupScriptStop", STRING, |_, _, row| script(row.config.scripts.stop.as_ref())),
    ],
};

/// vrrpSyncGroupMemberTable.
pub(super) const MEMBERS: TableView<Vrrp, (GroupId, u32), Member> = TableView {
    name: "vrrpSyncGroupMemberTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 2, 1],
    table: |data| &data.tables().members,
    columns: &[Column::new(2, "vrrpSyncGroupMemberName", STRING, |_, _, row| Some(Value::text(&row.name)))],
};
