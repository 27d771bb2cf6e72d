//! The part of the VRRP process.

use std::time::Duration;

use super::targets::targets;
use crate::config::model::{Family, TrackerKind, Version};
use crate::notify::messages;
use crate::state::{self, Object};
use crate::status::{
    Address, Clock, Counters, Effect, Group, Instance, Master, Objects, Share, Tracker, Transition, Vrrp, Yielded,
};
use crate::track::{self, AnyTracker, Reading};
use crate::vrrp::{self, InstanceId, Tables};

/// Instances, groups, trackers and the last transitions.
pub fn vrrp(tables: &Tables, clock: Clock) -> Vrrp {
    let instances = tables.instances.iter().map(|(id, row)| instance(*id, row, tables, clock));
    let groups = tables.groups.values().map(|row| Group {
        name: row.config.name.clone(),
        state: row.state.word().to_owned(),
        members: row.config.members.clone(),
    });
    let transitions = tables.history.latest_first().map(|transition| Transition {
        at: clock.seconds(transition.at),
        instance: transition.instance.clone(),
        from: transition.from.word().to_owned(),
        to: transition.to.word().to_owned(),
        cause: transition.cause.words(transition.priority),
    });
    Vrrp {
        instances: instances.collect(),
        groups: groups.collect(),
        trackers: trackers(tables, clock),
        transitions: transitions.collect(),
        targets: targets(&tables.system),
    }
}

fn instance(id: InstanceId, row: &vrrp::Instance, tables: &Tables, clock: Clock) -> Instance {
    let addresses = tables.addresses.of(&id.0).map(|(id, address)| Address {
        address: format!("{}/{}", address.config.ip, address.config.prefix),
        interface: tables.device(*id).to_owned(),
        set: address.state.installed,
    });
    Instance {
        name: row.config.name.clone(),
        interface: row.interface_name().to_owned(),
        family: if row.config.family == Family::V4 { 4 } else { 6 },
        vrid: row.config.vrid,
        version: if row.config.version == Version::V2 { 2 } else { 3 },
        state: row.state.word().to_owned(),
        since: clock.seconds(row.since),
        cause: row.last_cause.as_ref().map(|(cause, priority)| cause.words(*priority)),
        fault: row.fault.as_ref().map(vrrp::Fault::words),
        priority: row.priority,
        base_priority: row.base_priority,
        shares: tables.shares(row).into_iter().map(share).collect(),
        preempt: !row.nopreempt,
        group: row.group.and_then(|group| tables.group_name(group)).map(str::to_owned),
        yielded: row.yielded.map(|yielded| Yielded {
            since: clock.seconds(yielded.since),
            until: yielded.until.map(|until| clock.seconds(until)),
        }),
        master: row.master.map(|(address, priority)| Master { address, priority }),
        addresses: addresses.collect(),
        routes: objects(&tables.routes, id),
        rules: objects(&tables.rules, id),
        counters: counters(&row.counters),
    }
}

fn objects<R: Object>(rows: &state::Objects<R>, id: InstanceId) -> Objects {
    let set = rows.of(&id.0).filter(|(_, row)| row.state().installed).count();
    Objects { configured: rows.of(&id.0).count(), set }
}

fn share(share: vrrp::Share<'_>) -> Share {
    Share {
        kind: track::noun(share.entry.kind).to_owned(),
        name: share.entry.name.clone(),
        state: share.reading.to_string(),
        effect: match share.effect {
            track::Effect::Weight(weight) => Effect::Weight(weight),
            track::Effect::Fault => Effect::Fault,
            track::Effect::Undecided => Effect::Undecided,
        },
        of_group: share.of_group,
    }
}

fn trackers(tables: &Tables, clock: Clock) -> Vec<Tracker> {
    let tracker = |kind, name: &str, reading: Reading, since: Duration, detail| Tracker {
        kind: track::noun(kind).to_owned(),
        name: name.to_owned(),
        state: reading.to_string(),
        since: clock.seconds(since),
        detail,
    };
    let trackers = &tables.trackers;
    let scripts = trackers.scripts.values().map(|of| {
        let last = of.row.last.as_ref().map(messages::script_end);
        tracker(TrackerKind::Script, of.name(), of.reading(), of.since, last)
    });
    let files = trackers.files.values().map(|of| tracker(TrackerKind::File, of.name(), of.reading(), of.since, None));
    let processes =
        trackers.processes.values().map(|of| tracker(TrackerKind::Process, of.name(), of.reading(), of.since, None));
    let sessions =
        trackers.sessions.values().map(|of| tracker(TrackerKind::Bfd, of.name(), of.reading(), of.since, None));
    scripts.chain(files).chain(processes).chain(sessions).collect()
}

fn counters(counters: &vrrp::Counters) -> Counters {
    Counters {
        adverts_received: counters.adverts_received,
        adverts_sent: counters.adverts_sent,
        became_master: counters.become_master,
        released_master: counters.release_master,
        priority_zero_received: counters.priority_zero_received,
        priority_zero_sent: counters.priority_zero_sent,
        length_errors: counters.length_errors,
        ttl_errors: counters.ttl_errors,
        type_errors: counters.type_errors,
        interval_errors: counters.interval_errors,
        address_list_errors: counters.address_list_errors,
        auth_type_invalid: counters.auth_type_invalid,
        auth_type_mismatch: counters.auth_type_mismatch,
        auth_failures: counters.auth_failures,
    }
}
