//! The block of an instance.

use std::net::IpAddr;
use std::time::Duration;

use super::super::global::script_user;
use super::super::lines;
use super::super::text::{Ids, Moment, Seconds, Text, enabled, yes};
use super::wiring::Wiring;
use super::{sockets, trackers};
use crate::config::MASK;
use crate::config::model::{
    AdvertBuffer, AntiReplay, AuthHmac, Authentication, Family, IpvlanMode, OldChecksum, OwnLinkKind, Script,
    ScriptUser, Scripts, TrackerKind, Version,
};
use crate::status::Clock;
use crate::track::Effect;
use crate::vrrp::{Fault, Instance, InstanceId, State, Tables};

pub(super) fn instance(out: &mut Text, id: InstanceId, row: &Instance, tables: &Tables, clock: Clock, wiring: &Wiring) {
    let config = &row.config;
    out.line(format_args!(" VRRP Instance = {}", config.name));
    out.item("VRRP Version", if config.version == Version::V2 { 2 } else { 3 });
    if let Some(group) = row.group.and_then(|group| tables.group_name(group)) {
        out.item("Sync group", group);
    }
    if config.family == Family::V6 {
        out.line("   Using Native IPv6");
    }
    out.item("State", row.state.word());
    if row.state == State::Backup {
        master(out, row);
    }
    flags(out, row);
    out.item("Wantstate", row.wanted.word());
    faults(out, row, tables);
    times(out, row, clock);
    interface(out, row, tables);
    announcements(out, row);
    priorities(out, row);
    intervals(out, row, clock);
    out.item("Accept", enabled(config.accept));
    out.item("Preempt", enabled(!row.nopreempt));
    if !config.preempt_delay.is_zero() && !row.nopreempt {
        out.item("Preempt delay", format_args!("{} secs", config.preempt_delay.as_secs_f64()));
    }
    out.item("Promote_secondaries", enabled(config.promote_secondaries));
    if config.version == Version::V3 && config.family == Family::V4 {
        out.item("VRRPv3 uses VRRPv2 checksum", enabled(config.v3_checksum_as_v2));
    }
    authentication(out, row);
    let default = tables.system.global.as_ref().map(|global| global.defaults.advert_buffer);
    match config.buffer {
        AdvertBuffer::Octets(octets) if default != Some(config.buffer) => out.item("Kernel rx buffer size", octets),
        _ => {}
    }
    objects(out, id, row, tables, wiring);
    trackers::entries(out, &config.trackers, "Tracked processes");
    out.item("Using smtp notification", yes(config.smtp_alert));
    out.item("Notify deleted", if config.notify_deleted { "Deleted" } else { "Fault" });
    scripts(out, &config.scripts, script_user(&tables.system));
    out.item("Notify priority changes", config.notify_priority_changes);
}

/// The master that a backup follows.
fn master(out: &mut Text, row: &Instance) {
    match row.master {
        Some((router, _)) => out.item("Master router", router),
        None => out.item("Master router", "(none)"),
    }
    out.item("Master priority", row.master.map_or(0, |(_, priority)| priority));
    if row.config.version == Version::V3 {
        out.item("Master advert int", format_args!("{:.2} sec", row.master_interval.as_secs_f64()));
    }
}

/// What C keepalived has flags for. It has names for few of them; the others only show in the word `none`.
fn flags(out: &mut Text, row: &Instance) {
    let config = &row.config;
    let any = !row.links.is_empty()
        || config.dont_track_primary
        || config.skip_check_adv_addr
        || config.promote_secondaries
        || config.source.is_some()
        || config.linkbeat
        || row.nopreempt;
    match &config.unicast {
        Some(_) => out.line("   Flags:\n     Using unicast"),
        None if any => out.line("   Flags:"),
        None => out.line("   Flags: none"),
    }
}

fn faults(out: &mut Text, row: &Instance, tables: &Tables) {
    let shares = tables.shares(row);
    let faulty = shares.iter().filter(|share| share.effect == Effect::Fault).count();
    let undecided =
        shares.iter().filter(|share| share.entry.kind == TrackerKind::Script && share.effect == Effect::Undecided);
    let own = row.fault.as_ref();
    out.item("Number of config faults", u8::from(matches!(own, Some(Fault::NoPeer))));
    out.item("Number of tracker faults", faulty);
    let down = matches!(own, Some(Fault::InterfaceMissing(_) | Fault::InterfaceDown(_) | Fault::LinkMissing { .. }));
    let flags = [(down, "i/f down"), (row.source.is_none(), "no source IP address")];
    let mut flags = flags.iter().filter(|(is_set, _)| *is_set).peekable();
    match flags.peek() {
        None => out.line("   Flags of interface faults - (none)"),
        Some(_) => out.line("   Flags of interface faults:"),
    }
    flags.for_each(|(_, word)| out.line(format_args!("     {word}")));
    if let Some(fault) = own {
        // Not in C keepalived.
        out.item("Fault", fault.words());
    }
    out.item("Number of track scripts init", undecided.count());
}

fn times(out: &mut Text, row: &Instance, clock: Clock) {
    out.item("Last transition", Moment::Full(clock.utc(row.since)));
    let waits = matches!(row.state, State::Backup | State::Master);
    match row.deadline.filter(|_| waits) {
        Some(at) => out.item("Read timeout", Moment::Full(later(clock, at))),
        None => out.item("Read timeout", "DISABLED"),
    }
    // An owner does not wait for adverts; C keepalived shows 1.
    let down = if row.is_owner() { 1 } else { row.down_interval().as_micros() };
    out.item("Master down timer", format_args!("{down} usecs"));
}

/// A time of the event loop that may be in the future.
fn later(clock: Clock, at: Duration) -> Duration {
    match at.checked_sub(clock.now) {
        Some(left) => clock.utc.saturating_add(left),
        None => clock.utc(at),
    }
}

fn interface(out: &mut Text, row: &Instance, tables: &Tables) {
    let config = &row.config;
    let up = |index: Option<u32>| index.and_then(|index| tables.interfaces.get(index)).is_some_and(|link| link.up);
    let base = match row.link() {
        None => {
            if row.links.range(1..).next().is_some() {
                out.line("   Use VMAC for VIPs on other interfaces");
            }
            String::new()
        }
        Some(link) => {
            let (name, up) = (&link.name, up(link.ifindex));
            match link.config.kind {
                OwnLinkKind::Vmac { xmit_base, .. } => {
                    out.line(format_args!("   Use VMAC, i/f name {name}, is_up = {up}, xmit_base = {xmit_base}"));
                    let bypassed = if xmit_base { ", xmit base i/f" } else { "" };
                    format!(", vmac on {}{bypassed}", link.base)
                }
                OwnLinkKind::Ipvlan { mode, .. } => {
                    let mode = match mode {
                        IpvlanMode::Bridge => "bridge",
                        IpvlanMode::Private => "private",
                        IpvlanMode::Vepa => "vepa",
                    };
                    out.line(format_args!("   Use IPVLAN, i/f {name}, is_up = {up}, type {mode}"));
                    format!(", ipvlan on {}", link.base)
                }
            }
        }
    };
    let name = Some(row.interface_name()).filter(|name| !name.is_empty()).or(config.device()).unwrap_or("(none)");
    out.item("Interface", format_args!("{name}{base}"));
    if config.dont_track_primary {
        out.line("   VRRP interface tracking disabled");
    }
    if config.skip_check_adv_addr {
        out.line("   Skip checking advert IP addresses");
    }
    if config.strict {
        out.line("   Enforcing strict VRRP compliance");
    }
    let configured = if config.source.is_some() { " (from configuration)" } else { "" };
    match row.source.or(config.source) {
        Some(source) => out.item("Using src_ip", format_args!("{source}{configured}")),
        None => out.item("Using src_ip", "(none)"),
    }
    match (config.group, &config.unicast) {
        (_, Some(_)) => {}
        (IpAddr::V4(group), None) => out.line(format_args!("   Multicast address {group}")),
        (IpAddr::V6(group), None) => {
            let index = row.wire().unwrap_or(0);
            out.line(format_args!("   Multicast address {group}, ifindex {index}"));
        }
    }
}

fn announcements(out: &mut Text, row: &Instance) {
    let (config, garp) = (&row.config, &row.config.garp);
    out.item("Gratuitous ARP delay", garp.delay.as_secs());
    out.item("Gratuitous ARP repeat", garp.repeat);
    out.item("Gratuitous ARP refresh", garp.refresh.as_secs());
    out.item("Gratuitous ARP refresh repeat", garp.refresh_repeat);
    out.item("Gratuitous ARP lower priority delay", garp.lower_prio_delay.as_secs());
    out.item("Gratuitous ARP lower priority repeat", garp.lower_prio_repeat);
    out.item("Down timer adverts", config.down_timer_adverts);
    out.item("Send advert after receive lower priority advert", !config.lower_prio_no_advert);
    out.item("Send advert after receive higher priority advert", config.higher_prio_send_advert);
    if row.is_owner() {
        out.item("Address owner ignores received adverts", config.owner_ignore_adverts);
    }
}

fn priorities(out: &mut Text, row: &Instance) {
    out.item("Virtual Router ID", row.config.vrid);
    out.item("Priority", row.base_priority);
    out.item("Effective priority", row.priority);
    out.item("Total priority", row.priority);
    if row.nopreempt {
        out.item("Highest other priority", row.master.map_or(0, |(_, priority)| priority));
    }
}

fn intervals(out: &mut Text, row: &Instance, clock: Clock) {
    let interval = |interval: Duration| match row.config.version {
        Version::V2 => format!("{} sec", interval.as_secs()),
        Version::V3 => format!("{} milli-sec", interval.as_millis()),
    };
    out.item("Advert interval", interval(row.config.advert_interval));
    if row.config.version == Version::V3 && row.state == State::Backup {
        out.item("Master advert interval", interval(row.master_interval));
    }
    out.item("Last advert sent", Seconds(row.sent_at.map_or(Duration::ZERO, |at| clock.utc(at))));
}

/// The kind of the authentication, and the IDs of its keys. Passwords and keys are secret.
fn authentication(out: &mut Text, row: &Instance) {
    match (&row.config.authentication, row.config.version) {
        (Some(Authentication::Pass(_)), _) => {
            out.item("Authentication type", "SIMPLE_PASSWORD");
            out.item("Password", MASK);
        }
        (Some(Authentication::Ah(_)), _) => out.item("Authentication type", "IPSEC_AH"),
        (None, Version::V2) => out.item("Authentication type", "none"),
        (None, Version::V3) => {}
    }
    if let Some(settings) = &row.config.auth_hmac {
        hmac(out, settings, row.hmac.keeps_time());
    }
}

fn hmac(out: &mut Text, settings: &AuthHmac, keeps_time: bool) {
    let keys = settings.others.len().saturating_add(1);
    out.item("Authentication extension", "HMAC-SHA256-128");
    out.line(format_args!("     Keys = {keys}, active key id = {}", settings.active.id));
    out.line(format_args!("     Mode = {}", settings.mode.word()));
    match settings.anti_replay {
        AntiReplay::Time => {
            out.line(format_args!("     Anti replay = time, window = {} sec", settings.window.as_secs()));
        }
        AntiReplay::Monotonic => out.line("     Anti replay = monotonic"),
    }
    if keeps_time {
        // Not in C keepalived.
        out.line("     The system clock was set; the time of before is kept");
    }
}

fn objects(out: &mut Text, id: InstanceId, row: &Instance, tables: &Tables, wiring: &Wiring) {
    let addresses = |advertised: bool| {
        let rows = tables.addresses.of(&id.0).filter(move |(_, row)| row.advertised == advertised);
        rows.map(|(id, row)| lines::address(*id, row, tables))
    };
    out.line(format_args!("   Virtual IP ({}):", addresses(true).count()));
    addresses(true).for_each(|line| out.line(format_args!("     {line}")));
    out.list("Virtual IP Excluded", addresses(false));
    if let Some(unicast) = &row.config.unicast {
        out.item("Unicast TTL", unicast.ttl);
        out.line(format_args!("   Check unicast src : {}", yes(unicast.check_source)));
        let peer = |peer: &crate::config::model::UnicastPeer| {
            format!("{} min_ttl {} max_ttl {}", peer.ip, peer.min_ttl, peer.max_ttl)
        };
        out.list("Unicast Peer", unicast.peers.iter().map(peer));
        let compatible = match unicast.old_checksum {
            OldChecksum::Never => "never",
            OldChecksum::Always => "config",
            OldChecksum::WhenHeard if row.old_checksum => "auto",
            OldChecksum::WhenHeard => "no",
        };
        out.item("Unicast checksum compatibility", compatible);
    }
    let descriptor = sockets::descriptor(row, wiring);
    out.line(format_args!("   fd_in {descriptor}, fd_out {descriptor}"));
    out.list("Virtual Routes", tables.routes.of(&id.0).map(|(_, row)| lines::route(row, tables)));
    out.list("Virtual Rules", tables.rules.of(&id.0).map(|(_, row)| lines::rule(&row.config)));
}

/// The notify scripts of an instance or a group.
pub(super) fn scripts(out: &mut Text, scripts: &Scripts, user: Option<&ScriptUser>) {
    let mut script = |label: &str, script: &Option<Script>| {
        if let Some(script) = script {
            let (command, ids) = (lines::command(script), Ids::of(script, user));
            out.item(&format!("{label} state transition script"), format_args!("{command}, uid:gid {ids}"));
        }
    };
    script("Backup", &scripts.backup);
    script("Master", &scripts.master);
    script("Fault", &scripts.fault);
    script("Stop", &scripts.stop);
    script("Deleted", &scripts.deleted);
    script("Generic", &scripts.any);
    script("Master rx lower pri", &scripts.master_rx_lower_pri);
}
