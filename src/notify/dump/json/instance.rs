//! An element of the list of instances: its data and its statistics.

use super::object::{Object, array};
use crate::config::MASK;
use crate::config::model::{Authentication, TrackerKind, Version};
use crate::notify::dump::lines;
use crate::status::Clock;
use crate::track::{self, Effect};
use crate::vrrp::{Counters, Instance, InstanceId, Share, Tables};

pub(super) fn element(id: InstanceId, row: &Instance, tables: &Tables, clock: Clock) -> String {
    let mut object = Object::default();
    object.raw("data", data(id, row, tables, clock));
    object.raw("stats", statistics(&row.statistics()));
    object.finish()
}

fn data(id: InstanceId, row: &Instance, tables: &Tables, clock: Clock) -> String {
    let config = &row.config;
    let mut data = Object::default();
    data.text("iname", &config.name);
    data.number("dont_track_primary", config.dont_track_primary);
    data.number("skip_check_adv_addr", config.skip_check_adv_addr);
    data.number("strict_mode", config.strict);
    data.text("vmac_ifname", row.link().map_or("", |link| &link.name));
    data.text("ifp_ifname", row.interface_name());
    data.number("master_priority", row.master.map_or(0, |(_, priority)| priority));
    let since = clock.utc(row.since);
    data.raw("last_transition", format_args!("{}.{:06}", since.as_secs(), since.subsec_micros()));
    announcements(&mut data, row);
    data.number("lower_prio_no_advert", config.lower_prio_no_advert);
    data.number("higher_prio_send_advert", config.higher_prio_send_advert);
    data.number("vrid", config.vrid);
    data.number("base_priority", row.base_priority);
    data.number("effective_priority", row.priority);
    let mut addresses = tables.addresses.of(&id.0);
    data.flag("vipset", addresses.any(|(_, address)| address.state.installed && address.state.ours));
    data.flag("promote_secondaries", config.promote_secondaries);
    data.seconds("adver_int", config.advert_interval);
    data.seconds("master_adver_int", row.master_interval);
    data.number("accept", config.accept);
    data.flag("nopreempt", row.nopreempt);
    // A whole number, as exporters expect.
    data.raw("preempt_delay", config.preempt_delay.as_secs());
    data.number("state", row.state as u8);
    data.number("wantstate", row.wanted as u8);
    data.number("version", if config.version == Version::V2 { 2 } else { 3 });
    data.flag("smtp_alert", config.smtp_alert);
    data.flag("notify_deleted", config.notify_deleted);
    scripts(&mut data, row);
    objects(&mut data, id, tables);
    tracked(&mut data, row, tables);
    let kind = match &config.authentication {
        None => 0,
        Some(Authentication::Pass(_)) => 1,
        Some(Authentication::Ah(_)) => 2,
    };
    data.number("auth_type", kind);
    if kind != 0 {
        data.text("auth_data", MASK);
    }
    data.raw("trackers", array(tables.shares(row).iter().map(share)));
    data.finish()
}

fn announcements(data: &mut Object, row: &Instance) {
    let garp = &row.config.garp;
    data.raw("garp_delay", garp.delay.as_secs());
    data.raw("garp_refresh", garp.refresh.as_secs());
    data.number("garp_rep", garp.repeat);
    data.number("garp_refresh_rep", garp.refresh_repeat);
    data.raw("garp_lower_prio_delay", garp.lower_prio_delay.as_secs());
    data.number("garp_lower_prio_rep", garp.lower_prio_repeat);
}

fn scripts(data: &mut Object, row: &Instance) {
    let scripts = &row.config.scripts;
    for (key, script) in [
        ("script_backup", &scripts.backup),
        ("script_master", &scripts.master),
        ("script_fault", &scripts.fault),
        ("script_stop", &scripts.stop),
        ("script_deleted", &scripts.deleted),
        ("script", &scripts.any),
        ("script_master_rx_lower_pri", &scripts.master_rx_lower_pri),
    ] {
        if let Some(script) = script {
            data.text(key, lines::command(script));
        }
    }
}

fn objects(data: &mut Object, id: InstanceId, tables: &Tables) {
    for (key, advertised) in [("vips", true), ("evips", false)] {
        let rows = tables.addresses.of(&id.0).filter(|(_, row)| row.advertised == advertised);
        data.texts(key, rows.map(|(id, row)| lines::address(*id, row, tables)));
    }
    data.texts("vroutes", tables.routes.of(&id.0).map(|(_, row)| lines::route(row, tables)));
    data.texts("vrules", tables.rules.of(&id.0).map(|(_, row)| lines::rule(&row.config)));
}

/// The entries of the instance itself.
fn tracked(data: &mut Object, row: &Instance, tables: &Tables) {
    let names = |kind| row.config.trackers.iter().filter(move |entry| entry.kind == kind).map(|entry| &entry.name);
    data.texts("track_ifp", names(TrackerKind::Interface).cloned());
    let command = |name: &String| {
        let mut scripts = tables.trackers.scripts.values().map(|tracker| &tracker.row.config);
        scripts.find(|script| script.name == *name).map_or_else(|| name.clone(), |found| lines::command(&found.script))
    };
    data.texts("track_script", names(TrackerKind::Script).map(command));
    data.texts("track_process", names(TrackerKind::Process).cloned());
}

/// A tracker of the instance or of its sync group.
fn share(share: &Share<'_>) -> String {
    let entry = share.entry;
    let mut object = Object::default();
    object.text("kind", track::noun(entry.kind));
    object.text("name", &entry.name);
    object.text("state", share.reading);
    object.number("weight", entry.weight);
    object.flag("reverse", entry.reverse);
    object.number("effect", if let Effect::Weight(weight) = share.effect { weight } else { 0 });
    object.flag("fault", share.effect == Effect::Fault);
    object.flag("of_group", share.of_group);
    object.finish()
}

fn statistics(counters: &Counters) -> String {
    let mut object = Object::default();
    for (key, counter) in [
        ("advert_rcvd", counters.adverts_received),
        ("advert_sent", counters.adverts_sent),
        ("become_master", counters.become_master),
        ("release_master", counters.release_master),
        ("packet_len_err", counters.length_errors),
        ("advert_interval_err", counters.interval_errors),
        ("ip_ttl_err", counters.ttl_errors),
        ("invalid_type_rcvd", counters.type_errors),
        ("addr_list_err", counters.address_list_errors),
        ("invalid_authtype", counters.auth_type_invalid),
        ("authtype_mismatch", counters.auth_type_mismatch),
        ("auth_failure", counters.auth_failures),
        ("auth_ext_missing", counters.hmac_missing),
        ("auth_ext_malformed", counters.hmac_malformed),
        ("auth_ext_unknown_key", counters.hmac_unknown_key),
        ("auth_ext_invalid_hmac", counters.hmac_invalid),
        ("auth_ext_stale", counters.hmac_stale),
        ("auth_ext_replay", counters.hmac_replay),
        ("pri_zero_rcvd", counters.priority_zero_received),
        ("pri_zero_sent", counters.priority_zero_sent),
    ] {
        object.raw(key, counter);
    }
    object.finish()
}
