//! virtualServerGroupTable and virtualServerGroupMemberTable.

use std::net::IpAddr;

use snmp::{Column, Syntax, TableView, Value};

use super::super::values::{address_type, octets};
use super::values::U32;
use crate::check::{Check, Group, GroupId, GroupMember};
use crate::config::lvs::GroupEntry;

/// virtualServerGroupTable.
pub(super) const GROUPS: TableView<Check, GroupId, Group> = TableView {
    name: "virtualServerGroupTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3, 1, 1],
    table: |data| &data.tables().groups,
    columns: &[Column::new(2, "virtualServerGroupName", Syntax::DISPLAY_STRING, |_, _, row| {
        Some(Value::text(&row.config.name))
    })],
};

/// virtualServerGroupMemberTable; firewall marks come first.
pub(super) const MEMBERS: TableView<Check, (GroupId, u32), GroupMember> = TableView {
    name: "virtualServerGroupMemberTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3, 2, 1],
    table: |data| &data.tables().members,
    columns: &[
        Column::new(
            2,
            "virtualServerGroupMemberType",
            Syntax::Enum(&[("fwmark", 1), ("ip", 2), ("iprange", 3)]),
            |_, _, row| {
                Some(Value::Integer(match row.entry {
                    GroupEntry::FwMark(..) => 1,
                    GroupEntry::Address(_) => 2,
                    GroupEntry::Range(..) => 3,
                }))
            },
        ),
        Column::new(3, "virtualServerGroupMemberFwMark", U32, |_, _, row| match row.entry {
            GroupEntry::FwMark(mark, _) => Some(Value::Gauge32(mark)),
            _ => None,
        }),
        Column::new(4, "virtualServerGroupMemberAddrType", Syntax::INET_ADDRESS_TYPE, |_, _, row| {
            Some(address_type(address(row).or(range(row).map(|range| range.0))?))
        }),
        Column::new(5, "virtualServerGroupMemberAddress", Syntax::INET_ADDRESS, |_, _, row| address(row).map(octets)),
        Column::new(6, "virtualServerGroupMemberAddr1", Syntax::INET_ADDRESS, |_, _, row| {
            range(row).map(|range| octets(range.0))
        }),
        Column::new(7, "virtualServerGroupMemberAddr2", Syntax::INET_ADDRESS, |_, _, row| {
            range(row).map(|range| octets(range.1))
        }),
        Column::new(8, "virtualServerGroupMemberPort", Syntax::INET_PORT, |_, _, row| match row.entry {
            GroupEntry::Address(address) => Some(Value::Gauge32(address.port().into())),
            GroupEntry::Range(_, _, port) => Some(Value::Gauge32(port.into())),
            GroupEntry::FwMark(..) => None,
        }),
    ],
};

fn address(row: &GroupMember) -> Option<IpAddr> {
    match row.entry {
        GroupEntry::Address(address) => Some(address.ip()),
        _ => None,
    }
}

fn range(row: &GroupMember) -> Option<(IpAddr, IpAddr)> {
    match row.entry {
        GroupEntry::Range(first, last, _) => Some((first, last)),
        _ => None,
    }
}
