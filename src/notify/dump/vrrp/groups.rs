//! The sync groups.

use super::super::global::script_user;
use super::super::text::{Text, yes};
use super::{instance, trackers};
use crate::config::model::TrackerKind;
use crate::track::Effect;
use crate::vrrp::{Fault, Group, Instance, Tables};

pub(super) fn section(out: &mut Text, tables: &Tables) {
    if tables.groups.values().next().is_some() {
        out.section("VRRP Sync groups");
    }
    tables.groups.values().for_each(|row| group(out, row, tables));
}

fn group(out: &mut Text, row: &Group, tables: &Tables) {
    let config = &row.config;
    out.line(format_args!(" VRRP Sync Group = {}, {}", config.name, row.state.word()));
    let members = || row.members.iter().filter_map(|id| tables.instances.get(id));
    let faulty = members().filter(|row| row.fault.as_ref().is_some_and(|fault| !matches!(fault, Fault::SyncGroup(_))));
    let undecided = members().filter(|row| awaits_scripts(row, tables)).count();
    out.line(format_args!("   Num member fault {}, num member init {undecided}", faulty.count()));
    out.list("VRRP member instances", &config.members);
    if config.tracking_weight {
        out.line("   sync group tracking weight set");
    }
    out.item("Using smtp notification", yes(config.smtp_alert));
    trackers::entries(out, &config.trackers, "Tracked process");
    instance::scripts(out, &config.scripts, script_user(&tables.system));
}

/// Whether a tracked script of an instance has no result yet.
fn awaits_scripts(row: &Instance, tables: &Tables) -> bool {
    let shares = tables.shares(row);
    shares.iter().any(|share| share.entry.kind == TrackerKind::Script && share.effect == Effect::Undecided)
}
