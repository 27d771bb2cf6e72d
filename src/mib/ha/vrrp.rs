//! Branch `haVrrp`: instances, sync groups and trackers.

use std::ops::Bound;

use snmp::{Column, MibBuilder, Rows, Syntax, TableView, Value};

use super::super::forms::Form::Counter32;
use super::super::forms::Has;
use super::super::module::{Module, PRIORITY};
use super::super::values::{address_type, octets};
use super::{CAPABILITY, ROOT, daemon, process, targets, text, time_of};
use crate::config::model::TrackerKind;
use crate::track::{AnyTracker, Reading, TrackerId};
use crate::vrrp::{Cause, Change, Group, GroupId, Instance, InstanceId, Vrrp};

/// The module in the VRRP process.
pub(in crate::mib) const MODULE: Module<Vrrp, Change> = Module {
    root: ROOT,
    capability: CAPABILITY,
    subtrees: &[(oid![1, 2], PRIORITY), (oid![1, 4], PRIORITY), (oid![1, 9, 1], PRIORITY), (oid![1, 10], PRIORITY)],
    enabled: |global| global.snmp_vrrp,
    views,
    trap: |_, _| None,
};

fn views(builder: MibBuilder<Vrrp>) -> MibBuilder<Vrrp> {
    daemon::views(builder.table(INSTANCES).table(GROUPS).rows(TRACKERS).scalars(process::VRRP).table(targets::VRRP))
}

const STRING: Syntax = Syntax::DISPLAY_STRING;
const CAUSE: Syntax = Syntax::Enum(&[
    ("startup", 1),
    ("noAdvert", 2),
    ("masterStopped", 3),
    ("lowerPriority", 4),
    ("owner", 5),
    ("higherPriority", 6),
    ("syncGroup", 7),
    ("fault", 8),
    ("recovered", 9),
    ("resumed", 10),
    ("advertLate", 11),
    ("sequenceExhausted", 12),
    ("shutdown", 13),
    ("deleted", 14),
    ("yielded", 15),
]);

/// haInstanceTable.
const INSTANCES: TableView<Vrrp, InstanceId, Instance> = TableView {
    name: "haInstanceTable",
    entry: oid![1, 2, 1, 1],
    table: |data| &data.tables().instances,
    columns: &[
        Counter32.column(1, "haInstanceTransitions", Transitions),
        Counter32.column(2, "haInstanceBecameMaster", BecameMaster),
        Counter32.column(3, "haInstanceReleasedMaster", ReleasedMaster),
        Column::new(4, "haInstanceCountersSince", Syntax::DATE_AND_TIME, |_, _, row| time_of(row.transitions_since)),
        Column::new(5, "haInstanceLastChange", Syntax::DATE_AND_TIME, |_, _, row| {
            row.last_cause.as_ref().and_then(|_| time_of(row.since))
        }),
        Column::new(6, "haInstanceCause", CAUSE, |_, _, row| {
            row.last_cause.as_ref().map(|(cause, _)| Value::Integer(number(cause)))
        }),
        Column::new(7, "haInstanceCauseText", STRING, |_, _, row| {
            row.last_cause.as_ref().map(|(cause, ours)| text(&cause.words(*ours)))
        }),
        Column::new(8, "haInstanceLastHeardType", Syntax::INET_ADDRESS_TYPE, |_, _, row| row.heard.map(address_type)),
        Column::new(9, "haInstanceLastHeard", Syntax::INET_ADDRESS, |_, _, row| row.heard.map(octets)),
        Column::new(10, "haInstanceYielded", Syntax::TRUTH_VALUE, |_, _, row| {
            Some(Value::truth(row.yielded.is_some()))
        }),
        Column::new(11, "haInstanceYieldedUntil", Syntax::DATE_AND_TIME, |_, _, row| time_of(row.yielded?.until?)),
    ],
};

/// haGroupTable.
const GROUPS: TableView<Vrrp, GroupId, Group> = TableView {
    name: "haGroupTable",
    entry: oid![1, 2, 2, 1],
    table: |data| &data.tables().groups,
    columns: &[
        Counter32.column(1, "haGroupTransitions", GroupTransitions),
        Column::new(2, "haGroupLastChange", Syntax::DATE_AND_TIME, |_, _, row| time_of(row.since)),
    ],
};

/// haTrackerTable. The columns look the trackers up, since each kind has rows of its own type.
const TRACKERS: TableView<Vrrp, (u32, u32), (), Trackers> = TableView {
    name: "haTrackerTable",
    entry: oid![1, 2, 3, 1],
    table: Trackers,
    columns: &[
        Column::new(3, "haTrackerName", STRING, |data, key, ()| Some(text(tracker(data, key)?.name()))),
        Column::new(
            4,
            "haTrackerStatus",
            Syntax::Enum(&[("unknown", 1), ("up", 2), ("down", 3), ("number", 4)]),
            |data, key, ()| {
                Some(Value::Integer(match tracker(data, key)?.reading() {
                    Reading::Unknown => 1,
                    Reading::Up => 2,
                    Reading::Down => 3,
                    Reading::Number(_) => 4,
                }))
            },
        ),
        Column::new(5, "haTrackerNumber", Syntax::INTEGER32, |data, key, ()| match tracker(data, key)?.reading() {
            Reading::Number(number) => Some(Value::Integer(number)),
            _ => None,
        }),
        Column::new(6, "haTrackerLastChange", Syntax::DATE_AND_TIME, |data, key, ()| {
            time_of(tracker(data, key)?.since())
        }),
    ],
};

/// The kinds of trackers, from 1.
const KINDS: [TrackerKind; 4] = [TrackerKind::Script, TrackerKind::File, TrackerKind::Process, TrackerKind::Bfd];

/// The indices of all trackers: the kind, and the index in the table of the kind.
struct Trackers;

impl Rows<Vrrp, (u32, u32), ()> for Trackers {
    fn get<'d>(&self, data: &'d Vrrp, key: &(u32, u32)) -> Option<&'d ()> {
        tracker(data, key).map(|_| &())
    }

    fn range<'d>(&'d self, data: &'d Vrrp, from: Bound<(u32, u32)>) -> impl Iterator<Item = ((u32, u32), &'d ())> {
        let trackers = &data.tables().trackers;
        (1..).zip(KINDS).flat_map(move |(number, kind)| {
            let from = match from {
                Bound::Included((first, index)) if first == number => Bound::Included(index),
                Bound::Excluded((first, index)) if first == number => Bound::Excluded(index),
                // No index is that great.
                Bound::Included((first, _)) | Bound::Excluded((first, _)) if first > number => {
                    Bound::Excluded(u32::MAX)
                }
                _ => Bound::Unbounded,
            };
            trackers.indices_from(kind, from).map(move |index| ((number, index), &()))
        })
    }
}

fn tracker<'d>(data: &'d Vrrp, (kind, index): &(u32, u32)) -> Option<&'d dyn AnyTracker> {
    let kind = KINDS.get(usize::try_from(kind.checked_sub(1)?).ok()?)?;
    data.tables().trackers.get(TrackerId(*kind, *index))
}

/// The value of haInstanceCause.
fn number(cause: &Cause) -> i32 {
    match cause {
        Cause::Startup => 1,
        Cause::Silence => 2,
        Cause::MasterLeft(_) => 3,
        Cause::LowerAdverts(..) => 4,
        Cause::Owner => 5,
        Cause::BetterAdvert(..) => 6,
        Cause::SyncGroup => 7,
        Cause::Fault(_) => 8,
        Cause::Recovered => 9,
        Cause::Resumed => 10,
        Cause::AdvertLate(_) => 11,
        Cause::SequenceExhausted => 12,
        Cause::Shutdown => 13,
        Cause::Deleted => 14,
        Cause::Yielded => 15,
    }
}

impl Has<Instance> for Instance {
    fn numbers(&self) -> &Instance {
        self
    }
}

impl Has<Group> for Group {
    fn numbers(&self) -> &Group {
        self
    }
}

quantities! {
    Instance;
    Transitions: |row| row.transitions;
    BecameMaster: |row| row.counters.become_master;
    ReleasedMaster: |row| row.counters.release_master;
}

quantities! {
    Group;
    GroupTransitions: |row| row.transitions;
}
