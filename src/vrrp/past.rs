//! The past of instances and groups in a checkpoint: what views show of the time before the process, without an effect on the
//! protocol.
//!
//! What changes with a transition is in every checkpoint, so it is exact after a crash too. The other counters change with each
//! packet, and are only in the last checkpoint of a process that hands over in order. After a crash they start again at 0, with a
//! new discontinuity time: SNMP may have served later values than any that are known.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::complaint::Complaint;
use super::counters::{Counters, RouterCounters};
use super::history::{History, Transition};
use super::ids::{GroupId, InstanceId};
use super::routers::Vrrp;
use super::rows::Instance;
use super::state::State;
use super::tables::Tables;
use crate::state::Known;

/// The past of all instances and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) instances: Vec<PastInstance>,
    pub(super) groups: Vec<PastGroup>,
    /// The last transitions, the earliest first.
    pub(super) history: Vec<Known<Transition>>,
}

/// The past of an instance, by row index. The form stays; further values get a section of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PastInstance {
    pub(super) index: u32,
    pub(super) since: Duration,
    pub(super) up_since: Option<Duration>,
    transitions: u64,
    last_cause: Option<(Known<Cause>, u8)>,
    became_master: Known<Cause>,
    last_error: Known<Complaint>,
    heard: Option<IpAddr>,
    /// Transitions to and from master; at present, and when the statistics were last cleared.
    master: [(u64, u64); 2],
    /// Since when transitions are counted.
    counted_since: Duration,
}

/// The past of a sync group, by row index. The form stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PastGroup {
    index: u32,
    state: State,
    since: Duration,
    transitions: u64,
}

/// All counters, in the last checkpoint of a process that hands over in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HandedOver {
    pub(super) counters: Vec<PastCounters>,
    pub(super) router: Option<RouterCounters>,
}

/// The counters of an instance, by row index. The form stays; the lists may become longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PastCounters {
    index: u32,
    /// Since when they count.
    since: Duration,
    counters: Vec<u64>,
    /// The same when the statistics were last cleared.
    cleared: Vec<u64>,
}

/// Transitions to and from master.
fn of_master(counters: &Counters) -> (u64, u64) {
    (counters.become_master, counters.release_master)
}

fn to_counters((become_master, release_master): (u64, u64)) -> Counters {
    Counters { become_master, release_master, ..Counters::default() }
}

impl PastInstance {
    fn of(id: InstanceId, row: &Instance) -> PastInstance {
        PastInstance {
            index: id.0,
            since: row.former.and_then(|former| former.since).unwrap_or(row.since),
            up_since: row.former.map_or(row.up_since, |former| former.up_since),
            transitions: row.transitions,
            last_cause: row.last_cause.clone().map(|(cause, priority)| (Known(Some(cause)), priority)),
            became_master: Known(row.became_master.clone()),
            last_error: Known(row.last_error),
            heard: row.heard,
            master: [of_master(&row.counters), of_master(&row.cleared)],
            counted_since: row.transitions_since,
        }
    }

    fn restore(&self, row: &mut Instance) {
        (row.transitions, row.transitions_since) = (self.transitions, self.counted_since);
        row.last_cause = self.last_cause.clone().and_then(|(cause, priority)| Some((cause.0?, priority)));
        row.became_master = self.became_master.0.clone();
        row.last_error = self.last_error.0;
        row.heard = self.heard;
        [row.counters, row.cleared] = self.master.map(to_counters);
    }
}

impl Past {
    pub(super) fn of(tables: &Tables) -> Past {
        let group = |(id, row): (&GroupId, &super::rows::Group)| PastGroup {
            index: id.0,
            state: row.former.unwrap_or(row.state),
            since: row.since,
            transitions: row.transitions,
        };
        let mut history: Vec<_> = tables.history.latest_first().map(|one| Known(Some(one.clone()))).collect();
        history.reverse();
        Past {
            instances: tables.instances.iter().map(|(id, row)| PastInstance::of(*id, row)).collect(),
            groups: tables.groups.iter().map(group).collect(),
            history,
        }
    }

    pub(super) fn restore(&self, tables: &mut Tables) {
        for past in &self.instances {
            if let Some(row) = tables.instances.get_mut(&InstanceId(past.index)) {
                past.restore(row);
            }
        }
        for past in &self.groups {
            if let Some(row) = tables.groups.get_mut(&GroupId(past.index)) {
                (row.since, row.transitions) = (past.since, past.transitions);
                row.former = Some(past.state).filter(|state| state.takes_part());
            }
        }
        tables.history = History::of(self.history.iter().filter_map(|one| one.0.clone()).collect());
    }
}

impl HandedOver {
    pub(super) fn of(tables: &Tables) -> HandedOver {
        let counters = tables.instances.iter().map(|(id, row)| PastCounters {
            index: id.0,
            since: row.counted_since,
            counters: row.counters.to_list(),
            cleared: row.cleared.to_list(),
        });
        HandedOver { counters: counters.collect(), router: Some(tables.router_counters) }
    }

    pub(super) fn restore(&self, tables: &mut Tables) {
        for past in &self.counters {
            let Some(row) = tables.instances.get_mut(&InstanceId(past.index)) else { continue };
            row.counted_since = past.since;
            (row.counters, row.cleared) = (Counters::of_list(&past.counters), Counters::of_list(&past.cleared));
        }
        tables.router_counters = self.router.unwrap_or(tables.router_counters);
    }
}

impl Vrrp {
    /// Begins to count, unless a predecessor has handed its counters over.
    pub(super) fn start_counters(&mut self) {
        let now = self.turn.now;
        let begin = |since: &mut Duration| *since = if since.is_zero() { now } else { *since };
        for (_, row) in self.tables.instances.iter_mut() {
            begin(&mut row.counted_since);
            begin(&mut row.transitions_since);
        }
        begin(&mut self.tables.router_counters.since);
    }
}
