//! The interfaces of the host, and those that instances name and that do not exist.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use super::super::text::{Mac, Text};
use super::announcements;
use super::trackers::Signed;
use super::wiring::Wiring;
use crate::config::model::{IpvlanMode, TrackerKind};
use crate::vrrp::{Instance, Interface, OwnLink, Tables, Upper, UpperKind};

/// `IFF_UP`, `IFF_BROADCAST`, `IFF_LOOPBACK`, `IFF_RUNNING`, `IFF_NOARP`, `IFF_MULTICAST` of linux/if.h.
const UP: u32 = 1;
const BROADCAST: u32 = 1 << 1;
const LOOPBACK: u32 = 1 << 3;
const RUNNING: u32 = 1 << 6;
const NOARP: u32 = 1 << 7;
const MULTICAST: u32 = 1 << 12;
/// `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` of linux/if_arp.h.
const ETHERNET: u16 = 1;
const LOOPBACK_HARDWARE: u16 = 772;

/// What the rows say about interfaces, so that each interface is looked up once.
struct Around<'t> {
    tables: &'t Tables,
    wiring: &'t Wiring,
    /// The instances that track an interface, each with the weight.
    users: HashMap<&'t str, Vec<(&'t str, String)>>,
    /// The names of the users in the order of the instances.
    names: Vec<&'t str>,
    /// The links that the daemon has made, by index.
    own: HashMap<u32, &'t OwnLink>,
    /// Number of VMACs over an interface.
    bases: HashMap<&'t str, usize>,
    /// Interface, address and prefix length of the addresses that the daemon has set.
    ours: HashSet<(u32, IpAddr, u8)>,
    paces: HashMap<&'t str, (Duration, Duration)>,
    polled: HashSet<&'t str>,
}

impl<'t> Around<'t> {
    fn new(tables: &'t Tables, wiring: &'t Wiring) -> Around<'t> {
        let mut around = Around {
            tables,
            wiring,
            users: HashMap::new(),
            names: Vec::new(),
            own: HashMap::new(),
            bases: HashMap::new(),
            ours: HashSet::new(),
            paces: tables
                .system
                .global
                .as_ref()
                .map_or_else(HashMap::new, |global| announcements::paces(tables, global)),
            polled: tables.links.polled().collect(),
        };
        for row in tables.instances.values() {
            for (name, weight) in used(row, tables) {
                let users = around.users.entry(name).or_insert_with(|| {
                    around.names.push(name);
                    Vec::new()
                });
                users.push((&row.config.name, weight));
            }
            for link in row.links.values() {
                around.own.extend(link.ifindex.map(|index| (index, link)));
                if link.config.is_vmac() && link.ifindex.is_some() {
                    let count: &mut usize = around.bases.entry(&link.base).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        for row in tables.addresses.values().filter(|row| row.state.installed && row.state.ours) {
            around.ours.extend(row.ifindex.map(|index| (index, row.config.ip, row.config.prefix)));
        }
        around
    }
}

pub(super) fn section(out: &mut Text, tables: &Tables, wiring: &Wiring) {
    let around = Around::new(tables, wiring);
    out.section("Interfaces");
    for link in tables.interfaces.iter() {
        out.line(format_args!(" Name = {}", link.name));
        out.item("index", link.index);
        properties(out, link, &around);
        tracking(out, &link.name, &around);
    }
    for name in around.names.iter().filter(|name| tables.interfaces.named(name).is_none()) {
        out.line(format_args!(" Name = {name}"));
        out.line("   index = 0 (deleted)");
        tracking(out, name, &around);
    }
}

fn properties(out: &mut Text, link: &Interface, around: &Around<'_>) {
    let tables = around.tables;
    let (v4, v6) = addresses(link, around);
    let shown = |ip: Option<IpAddr>| ip.map_or("(none)".to_owned(), |ip| ip.to_string());
    out.item("IPv4 address", shown(v4));
    out.item("IPv6 address", shown(v6));
    if let Some(mac) = link.mac.filter(|mac| *mac != [0; 6]) {
        out.item("MAC", Mac(mac));
        if let Some(broadcast) = link.broadcast {
            out.item("MAC broadcast", Mac(broadcast));
        }
    }
    out.item("State", state(link));
    out.item("Seen up", u8::from(link.seen_up));
    out.item("Delayed state change running", tables.links.is_pending(link.index));
    let own = around.own.get(&link.index);
    let (down, up) = tables.links.delays(&link.name, own.map(|own| own.base.as_str()));
    out.item("Up debounce timer", format_args!("{}us", up.as_micros()));
    out.item("Down debounce timer", format_args!("{}us", down.as_micros()));
    out.item("Group", link.group);
    if let Some(upper) = link.upper {
        over(out, upper, tables);
        if own.is_some() {
            out.line("   I/f created by keepalived");
        }
    }
    out.item("MTU", link.mtu);
    match link.hardware {
        ETHERNET => out.item("HW Type", "ETHERNET"),
        LOOPBACK_HARDWARE => out.item("HW Type", "LOOPBACK"),
        number => out.item("HW Type", format_args!("UNKNOWN ({number})")),
    }
    if let Some(table) = link.vrf_table {
        out.line(format_args!("   VRF master table {table}"));
    }
    match around.polled.contains(link.name.as_str()) {
        true => out.line("   NIC support ETHTOOL GLINK interface"),
        false => out.line("   NIC netlink status update"),
    }
    pace(out, link, around);
    settings(out, link, around);
}

/// The first address of each family that is the host's. For IPv6 it is a link-local address.
fn addresses(link: &Interface, around: &Around<'_>) -> (Option<IpAddr>, Option<IpAddr>) {
    let mut found = (None, None);
    for known in link.addresses.iter() {
        let place = match known.ip {
            IpAddr::V4(_) => &mut found.0,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => &mut found.1,
            IpAddr::V6(_) => continue,
        };
        if place.is_none() && !around.ours.contains(&(link.index, known.ip, known.prefix)) {
            *place = Some(known.ip);
        }
        if found.0.is_some() && found.1.is_some() {
            break;
        }
    }
    found
}

fn state(link: &Interface) -> String {
    let has = |flag: u32| link.flags & flag != 0;
    let mut state = format!("{}UP, {}RUNNING", not(has(UP)), not(has(UP) && has(RUNNING)));
    for (is_shown, word) in [
        (!has(BROADCAST), ", no broadcast"),
        (has(LOOPBACK), ", loopback"),
        (has(NOARP), ", no arp"),
        (!has(MULTICAST), ", no multicast"),
    ] {
        state += if is_shown { word } else { "" };
    }
    state
}

fn not(is_set: bool) -> &'static str {
    if is_set { "" } else { "not " }
}

/// The lower interface of a macvlan or ipvlan.
fn over(out: &mut Text, upper: Upper, tables: &Tables) {
    let base = upper.base.and_then(|index| tables.interfaces.get(index));
    let (name, state) = base.map_or(("(none)", String::new()), |base| (base.name.as_str(), state(base)));
    let (kind, mode) = match upper.kind {
        UpperKind::Macvlan { private: true } => ("VMAC", "private"),
        UpperKind::Macvlan { private: false } => ("VMAC", "other"),
        UpperKind::Ipvlan(Some(IpvlanMode::Bridge)) => ("IPVLAN", "bridge"),
        UpperKind::Ipvlan(Some(IpvlanMode::Private)) => ("IPVLAN", "private"),
        UpperKind::Ipvlan(Some(IpvlanMode::Vepa)) => ("IPVLAN", "vepa"),
        UpperKind::Ipvlan(None) => ("IPVLAN", "other"),
    };
    out.line(format_args!("   {kind} type {mode}, underlying interface = {name}, state = {state}"));
}

fn pace(out: &mut Text, link: &Interface, around: &Around<'_>) {
    let Some((garp, gna)) = around.paces.get(link.name.as_str()).copied() else { return };
    let mut line = |kind: &str, interval: Duration| {
        if !interval.is_zero() {
            out.line(format_args!("   Gratuitous {kind} interval {}ms", interval.as_millis()));
        }
    };
    line("ARP", garp);
    line("NA", gna);
}

/// The settings of the kernel that are changed while a VMAC runs on the interface, or an address is to be promoted.
fn settings(out: &mut Text, link: &Interface, around: &Around<'_>) {
    let before = |setting: &str| around.wiring.settings.get(&(link.name.clone(), setting.to_owned()));
    let original = |setting: &str| before(setting).map_or("0", String::as_str);
    let counter = around.bases.get(link.name.as_str()).unwrap_or(&0);
    out.line(format_args!("   Reset ARP config counter {counter}"));
    out.line(format_args!("   Original arp_ignore {}", original("arp_ignore")));
    out.line(format_args!("   Original arp_filter {}", original("arp_filter")));
    if let Some(value) = before("rp_filter") {
        out.line(format_args!("   rp_filter {value}"));
    }
    out.line(format_args!("   Original promote_secondaries {}", original("promote_secondaries")));
    let promoted = u8::from(before("promote_secondaries").is_some());
    out.line(format_args!("   Reset promote_secondaries counter {promoted}"));
}

/// The interfaces that an instance tracks, each once with its weight: its own, those of its trackers, and those of its
/// addresses and routes.
fn used<'t>(row: &'t Instance, tables: &'t Tables) -> Vec<(&'t str, String)> {
    let config = &row.config;
    // C keepalived shows that it does not track its own interface as 255.
    let own = if config.dont_track_primary { "255" } else { "0" };
    let mut known: HashSet<&str> = HashSet::new();
    let mut names: Vec<(&str, String)> = Vec::new();
    let mut add = |name: &'t str, weight: String| {
        if !name.is_empty() && known.insert(name) {
            names.push((name, weight));
        }
    };
    let group = row.group.and_then(|group| tables.groups.get(&group));
    let of_group = group.map_or(&[][..], |group| &group.config.trackers);
    let entries = config.trackers.iter().chain(of_group).filter(|entry| entry.kind == TrackerKind::Interface);
    entries.for_each(|entry| add(&entry.name, Signed::of(entry).to_string()));
    config.device().into_iter().for_each(|name| add(name, own.to_owned()));
    row.links.values().for_each(|link| add(&link.name, own.to_owned()));
    let addresses = config.addresses.iter().chain(&config.excluded).filter(|address| !address.no_track);
    addresses.for_each(|address| add(&address.device, "0".to_owned()));
    config.route_devices().for_each(|name| add(name, "0".to_owned()));
    names
}

fn tracking(out: &mut Text, name: &str, around: &Around<'_>) {
    let users = around.users.get(name).into_iter().flatten();
    out.list("Tracking VRRP instances", users.map(|(instance, weight)| format!("{instance}, weight {weight}")));
}
