//! Dump of the VRRP process.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::trackers;
use crate::config::model::{AntiReplay, AuthHmac, Authentication, Family, OwnLinkKind, Version};
use crate::vrrp::{Instance, InstanceId, Tables};

/// A line of the statistics: its label, and the counter unless it is a heading.
type Line = (&'static str, Option<u64>);

/// Counters of each instance, in the layout of C keepalived, which monitoring parses.
pub fn statistics(tables: &Tables) -> String {
    let mut out = String::new();
    for row in tables.instances.values() {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "VRRP Instance: {}", row.config.name);
        for (label, counter) in lines(row) {
            let _ = match counter {
                Some(counter) => writeln!(out, "  {label}: {counter}"),
                None => writeln!(out, "  {label}:"),
            };
        }
    }
    out
}

fn lines(row: &Instance) -> [Line; 25] {
    let counters = row.statistics();
    [
        ("Advertisements", None),
        ("  Received", Some(counters.adverts_received)),
        ("  Sent", Some(counters.adverts_sent)),
        ("Became master", Some(counters.become_master)),
        ("Released master", Some(counters.release_master)),
        ("Packet Errors", None),
        ("  Length", Some(counters.length_errors)),
        ("  TTL", Some(counters.ttl_errors)),
        ("  Invalid Type", Some(counters.type_errors)),
        ("  Advertisement Interval", Some(counters.interval_errors)),
        ("  Address List", Some(counters.address_list_errors)),
        ("Authentication Errors", None),
        ("  Invalid Type", Some(counters.auth_type_invalid)),
        ("  Type Mismatch", Some(counters.auth_type_mismatch)),
        ("  Failure", Some(counters.auth_failures)),
        ("Authentication Extension Errors", None),
        ("  Missing", Some(counters.hmac_missing)),
        ("  Malformed", Some(counters.hmac_malformed)),
        ("  Unknown Key", Some(counters.hmac_unknown_key)),
        ("  Invalid HMAC", Some(counters.hmac_invalid)),
        ("  Stale", Some(counters.hmac_stale)),
        ("  Replay", Some(counters.hmac_replay)),
        ("Priority Zero", None),
        ("  Received", Some(counters.priority_zero_received)),
        ("  Sent", Some(counters.priority_zero_sent)),
    ]
}

/// All rows. `now` is the time of the event loop.
pub fn data(tables: &Tables, now: Duration) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", tables.system.version);
    let _ = writeln!(out, "Packets of unknown virtual routers: {}", tables.router_counters.unknown_vrids());
    for group in tables.groups.values() {
        let _ = writeln!(out, "\nVRRP Sync Group: {}", group.config.name);
        item(&mut out, "State", group.state.word());
        item(&mut out, "Members", group.config.members.join(" "));
        trackers::entries(&mut out, &group.config.trackers);
    }
    for (id, row) in tables.instances.iter() {
        instance(&mut out, *id, row, tables, now);
    }
    if tables.addresses.of(&0).next().is_some() {
        let _ = writeln!(out, "\nStatic addresses");
        addresses(&mut out, 0, tables);
    }
    trackers::sections(&mut out, tables, now);
    let _ = writeln!(out, "\nInterfaces");
    for link in tables.interfaces.iter() {
        item(&mut out, &link.name, format_args!("index {}, {}", link.index, if link.up { "up" } else { "down" }));
    }
    out
}

fn instance(out: &mut String, id: InstanceId, row: &Instance, tables: &Tables, now: Duration) {
    let config = &row.config;
    let _ = writeln!(out, "\nVRRP Instance: {}", config.name);
    let version = if config.version == Version::V2 { 2 } else { 3 };
    let family = if config.family == Family::V4 { "IPv4" } else { "IPv6" };
    let on = config.device().unwrap_or("any interface");
    item(out, "Virtual router", format_args!("{} on {on}, version {version}, {family}", config.vrid));
    for (number, link) in &row.links {
        let made = if link.ifindex.is_some() { "created" } else { "not created" };
        let by = if link.config.is_bypassed() && *number == 0 { ", adverts from the lower interface" } else { "" };
        let on = if *number == 0 { String::new() } else { format!(" on {}, for addresses", link.base) };
        match link.config.kind {
            OwnLinkKind::Vmac { mac, .. } => {
                item(out, "VMAC", format_args!("{} {}{on}: {made}{by}", link.name, Mac(mac)))
            }
            OwnLinkKind::Ipvlan { address, .. } => {
                let address = address.map_or(String::new(), |(ip, prefix)| format!(" {ip}/{prefix}"));
                item(out, "ipvlan", format_args!("{}{address}: {made}", link.name));
            }
        }
    }
    let since = now.saturating_sub(row.since).as_secs_f64();
    item(out, "State", format_args!("{} for {since:.3} s, wants {}", row.state.word(), row.wanted.word()));
    if let Some(fault) = &row.fault {
        item(out, "Fault", fault.words());
    }
    item(out, "Priority", format_args!("{} of {}", row.priority, row.base_priority));
    item(out, "Preemption", if row.nopreempt { "no" } else { "yes" });
    if let Some((address, priority)) = row.master {
        item(out, "Last master", format_args!("{address}, priority {priority}"));
    }
    if let Some(source) = row.source {
        item(out, "Sends from", source);
    }
    if let Some(unicast) = &config.unicast {
        let peers: Vec<String> = unicast.peers.iter().map(|peer| peer.ip.to_string()).collect();
        item(out, "Unicast peers", peers.join(" "));
    }
    let (own, learnt) = (config.advert_interval.as_secs_f64(), row.master_interval.as_secs_f64());
    item(out, "Advert interval", format_args!("{own} s, of the master {learnt} s"));
    // The kinds and the IDs of the keys only, as keys are secret.
    let authentication = match config.authentication {
        None => "none",
        Some(Authentication::Pass(_)) => "PASS",
        Some(Authentication::Ah(_)) => "AH",
    };
    item(out, "Authentication", authentication);
    if let Some(settings) = &config.auth_hmac {
        item(out, "HMAC", hmac(settings, row.hmac.keeps_time()));
    }
    if let Some(group) = row.group.and_then(|group| tables.group_name(group)) {
        item(out, "Sync group", group);
    }
    addresses(out, id.0, tables);
    trackers::entries(out, &config.trackers);
}

fn hmac(settings: &AuthHmac, keeps_time: bool) -> String {
    let mut text = format!("key {}", settings.active.id);
    for key in &settings.others {
        let _ = write!(text, ", also {}", key.id);
    }
    let _ = match settings.anti_replay {
        AntiReplay::Time => write!(text, "; {}, time window {} s", settings.mode.word(), settings.window.as_secs()),
        AntiReplay::Monotonic => write!(text, "; {}, monotonic", settings.mode.word()),
    };
    if keeps_time {
        text += "; the system clock was set, the time of before is kept";
    }
    text
}

fn addresses(out: &mut String, owner: u32, tables: &Tables) {
    for (id, row) in tables.addresses.of(&owner) {
        let wanted = if row.state.wanted { "wanted" } else { "not wanted" };
        let installed = match (row.state.installed, row.state.ours) {
            (true, true) => "set",
            (true, false) => "set by the host",
            (false, _) => "not set",
        };
        let advertised = if row.advertised { "" } else { ", not advertised" };
        let (ip, prefix, device) = (row.config.ip, row.config.prefix, tables.device(*id));
        item(out, "Address", format_args!("{ip}/{prefix} dev {device}: {wanted}, {installed}{advertised}"));
    }
}

/// Shows an Ethernet address as hexadecimal octets with colons.
struct Mac([u8; 6]);

impl Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

fn item(out: &mut String, label: &str, value: impl Display) {
    let _ = writeln!(out, "  {label}: {value}");
}
