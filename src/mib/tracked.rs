//! Tables of the track entries of instances and sync groups: vrrpTrackedInterfaceTable, vrrpTrackedScriptTable,
//! vrrpTrackedFileTable, vrrpTrackedBfdTable, vrrpTrackedProcessTable, and the same as vrrpSyncTracked...

use snmp::{Column, Key, Syntax, Table, TableView, Value};

use super::nested::{Inside, Nested};
use super::values::TRUTH;
use crate::config::model::{Track, TrackerKind};
use crate::vrrp::{Group, GroupId, Instance, InstanceId, Vrrp};

/// The track entries of one kind. The index is that of the owner (instance or sync group) and that of the entry.
pub(super) struct Entries<A: 'static, O: 'static> {
    kind: TrackerKind,
    owners: fn(&Vrrp) -> &Table<A, O>,
    list: fn(&O) -> &[Track],
}

impl<A: Key + 'static, O: 'static> Inside for Entries<A, O> {
    type Id = A;
    type Outer = O;
    type Inner = Track;

    fn outer<'d>(&self, data: &'d Vrrp) -> &'d Table<A, O> {
        (self.owners)(data)
    }

    /// The index of an interface is its ifIndex; an interface that does not exist has no entry. All others are counted from 1.
    fn inner<'d>(&self, data: &'d Vrrp, owner: &'d O) -> impl Iterator<Item = (u32, &'d Track)> {
        let kind = self.kind;
        let entries = (self.list)(owner).iter().filter(move |entry| entry.kind == kind);
        (1..).zip(entries).filter_map(move |(position, entry)| {
            let index = match kind {
                TrackerKind::Interface => data.tables().interfaces.named(&entry.name)?.index,
                _ => position,
            };
            Some((index, entry))
        })
    }
}

/// A view of [`Entries`].
type Tracked<A, O> = TableView<Vrrp, (A, u32), Track, Nested<Entries<A, O>>>;
/// The columns of a [`Tracked`] view.
type Columns<A> = [Column<Vrrp, (A, u32), Track>; 3];

/// The columns of name, weight and reverse. Column 1 is the index, except for interfaces, whose index is an object of
/// IF-MIB.
const fn columns<A>(kind: TrackerKind, [name, weight, reverse]: [&'static str; 3], truth: Syntax) -> Columns<A> {
    let (first, range) = match kind {
        TrackerKind::Interface => (1, Syntax::INTEGER32),
        TrackerKind::Script => (2, Syntax::INTEGER32),
        TrackerKind::File | TrackerKind::Process | TrackerKind::Bfd => (2, Syntax::Integer32 { min: -254, max: 254 }),
    };
    [
        Column::new(first, name, Syntax::DISPLAY_STRING, |_, _, entry| Some(Value::text(&entry.name))),
        Column::new(first + 1, weight, range, |_, _, entry| Some(Value::Integer(entry.weight.into()))),
        Column::new(first + 2, reverse, truth, |_, _, entry| Some(Value::truth(entry.reverse))),
    ]
}

const fn of_instances(kind: TrackerKind) -> Nested<Entries<InstanceId, Instance>> {
    Nested(Entries { kind, owners: |data| &data.tables().instances, list: |row| &row.config.trackers })
}

const fn of_groups(kind: TrackerKind) -> Nested<Entries<GroupId, Group>> {
    Nested(Entries { kind, owners: |data| &data.tables().groups, list: |row| &row.config.trackers })
}

/// A table of track entries. Arguments: the function for the entries, the kind, the sub-identifier in branch `vrrp`, the
/// prefix of the descriptors, and the SYNTAX of reverse.
macro_rules! tracked {
    ($entries:ident, $kind:ident, $number:literal, $prefix:literal, $truth:expr) => {
        TableView {
            name: concat!($prefix, "Table"),
            entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, $number, 1],
            table: $entries(TrackerKind::$kind),
            columns: const {
                let names = [concat!($prefix, "Name"), concat!($prefix, "Weight"), concat!($prefix, "WgtRev")];
                &columns(TrackerKind::$kind, names, $truth)
            },
        }
    };
}

/// The tables of instances.
pub(super) const INSTANCES: [Tracked<InstanceId, Instance>; 5] = [
    tracked!(of_instances, Interface, 4, "vrrpTrackedInterface", Syntax::INTEGER32),
    tracked!(of_instances, Script, 5, "vrrpTrackedScript", TRUTH),
    tracked!(of_instances, File, 12, "vrrpTrackedFile", TRUTH),
    tracked!(of_instances, Bfd, 17, "vrrpTrackedBfd", TRUTH),
    tracked!(of_instances, Process, 20, "vrrpTrackedProcess", TRUTH),
];

/// The tables of sync groups.
pub(super) const GROUPS: [Tracked<GroupId, Group>; 5] = [
    tracked!(of_groups, Interface, 14, "vrrpSyncTrackedInterface", TRUTH),
    tracked!(of_groups, Script, 15, "vrrpSyncTrackedScript", TRUTH),
    tracked!(of_groups, File, 16, "vrrpSyncTrackedFile", TRUTH),
    tracked!(of_groups, Bfd, 19, "vrrpSyncTrackedBfd", TRUTH),
    tracked!(of_groups, Process, 22, "vrrpSyncTrackedProcess", TRUTH),
];
