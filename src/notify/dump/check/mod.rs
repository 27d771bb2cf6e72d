//! Dump of the checker process, in the layout of C keepalived.

mod checkers;
mod ipvs;
mod servers;

use std::collections::HashMap;

use super::global::{self, Setting, Writing};
use super::text::{Text, yes};
use crate::check::ipvs::Director;
use crate::check::{Checker, GroupId, Tables};
use crate::config::lvs::{CheckerKind, GroupEntry, Protocol};
use crate::config::model::{Family, TrackFile};
use crate::notify::check_messages::server;
use crate::status::Clock;

/// All rows, and where IPVS differs from them. `sessions` are the names of the BFD sessions.
pub fn data<'s>(
    tables: &Tables,
    ipvs: &Director,
    sessions: impl Iterator<Item = &'s str>,
    clock: Clock,
    setting: &Setting,
) -> String {
    let mut out = Text::default();
    if let Some(global) = &tables.system.global {
        global::definitions(&mut out, global, setting, Writing::Checkers);
    }
    tls(&mut out, tables);
    out.section("LVS Topology");
    // The version of IPVS in all kernels since 2.6.29.
    out.line(" System is compiled with LVS v1.2.1");
    groups(&mut out, tables);
    servers::sections(&mut out, tables, ipvs);
    if tables.checkers.values().next().is_some() {
        out.section("Health checkers");
        for id in tables.virtual_servers_in_order() {
            checkers::of_service(&mut out, id, tables, clock);
        }
    }
    track_files(&mut out, tables);
    bfd(&mut out, tables, sessions);
    out.finish()
}

/// What SSL_GET uses. The key is a secret; its file and those of the certificates are not.
fn tls(out: &mut Text, tables: &Tables) {
    let tls = &tables.lvs.tls;
    let is_bare = tls.ca.is_none() && tls.certificate.is_none() && tls.key.is_none();
    let uses_tls = |row: &Checker| matches!(&row.config.kind, CheckerKind::Http(check) if check.tls);
    if is_bare && !tables.checkers.values().any(uses_tls) {
        return;
    }
    out.section("SSL definitions");
    if is_bare {
        out.line(" Using autogen SSL context");
        return;
    }
    for (label, value) in [("CA file", &tls.ca), ("Certificate file", &tls.certificate), ("Key file", &tls.key)] {
        if let Some(value) = value {
            out.line(format_args!(" {label} = {value}"));
        }
    }
}

/// Number of services of a group that are up: with TCP, UDP and SCTP, and of IPv4 and IPv6.
#[derive(Default)]
struct Alive {
    protocols: [usize; 3],
    families: [usize; 2],
}

fn alive(tables: &Tables) -> HashMap<GroupId, Alive> {
    let mut all: HashMap<GroupId, Alive> = HashMap::new();
    for row in tables.virtual_servers.values().filter(|row| row.quorum_met || row.sorry_in_use()) {
        let Some(group) = row.group else { continue };
        let Alive { protocols: [tcp, udp, sctp], families: [v4, v6] } = all.entry(group).or_default();
        let by_protocol = match row.config.protocol {
            Some(Protocol::Tcp) => Some(tcp),
            Some(Protocol::Udp) => Some(udp),
            Some(Protocol::Sctp) => Some(sctp),
            None => None,
        };
        let by_family = if row.family == Family::V4 { v4 } else { v6 };
        by_protocol.into_iter().chain([by_family]).for_each(|count| *count = count.saturating_add(1));
    }
    all
}

fn groups(out: &mut Text, tables: &Tables) {
    let alive = alive(tables);
    let none = Alive::default();
    for (id, row) in tables.groups.iter() {
        let group = &row.config;
        out.line(" ------< Virtual server group >------");
        let has = |family: Family| {
            let of_family = |entry: &GroupEntry| match entry {
                GroupEntry::Address(address) => Family::of(address.ip()) == family,
                GroupEntry::Range(first, ..) => Family::of(*first) == family,
                GroupEntry::FwMark(_, wanted) => *wanted == Some(family),
            };
            yes(group.entries.iter().any(of_family))
        };
        let (v4, v6) = (has(Family::V4), has(Family::V6));
        out.line(format_args!(" Virtual Server Group = {}, IPv4 = {v4}, IPv6 = {v6}", group.name));
        let Alive { protocols: [tcp, udp, sctp], families: [v4, v6] } = alive.get(id).unwrap_or(&none);
        for entry in &group.entries {
            match entry {
                GroupEntry::Address(address) => {
                    out.line(format_args!("   VIP = {}, VPORT = {}", address.ip(), address.port()));
                }
                GroupEntry::Range(first, last, port) => {
                    out.line(format_args!("   VIP Range = {first}-{last}, VPORT = {port}"));
                }
                GroupEntry::FwMark(mark, _) => out.line(format_args!("   FWMARK = {mark}")),
            }
            match entry {
                GroupEntry::FwMark(..) => out.line(format_args!("     Alive: {v4} IPv4, {v6} IPv6")),
                _ => out.line(format_args!("     Alive: {tcp} tcp, {udp} udp, {sctp} sctp")),
            }
            out.line("     reloaded = False");
        }
    }
}

fn track_files(out: &mut Text, tables: &Tables) {
    let files = &tables.lvs.track_files;
    if !files.is_empty() {
        out.section("Checker track files");
    }
    for TrackFile { name, path, weight, reverse, .. } in files {
        out.line(format_args!(" Track file = {name}"));
        out.item("File", path);
        // A file that was not read yet counts as 0.
        out.item("Status", tables.file(name).unwrap_or(0));
        out.item("Weight", format_args!("{weight}{}", if *reverse { " reverse" } else { "" }));
        out.line("   Tracking instances :");
        for id in tables.checkers_of_file(name) {
            let Some(CheckerKind::File { weight, reverse, .. }) = tables.checkers.get(id).map(|row| &row.config.kind)
            else {
                continue;
            };
            let (service, server) = servers::names(id.0, tables);
            let reverse = if *reverse { " reverse" } else { "" };
            out.line(format_args!("     {service} -> {server}, weight {weight}{reverse}"));
        }
    }
}

fn bfd<'s>(out: &mut Text, tables: &Tables, sessions: impl Iterator<Item = &'s str>) {
    let mut sessions = sessions.peekable();
    if sessions.peek().is_some() {
        out.section("Checker track BFDs");
    }
    for name in sessions {
        out.line(format_args!(" Checker Track BFD = {name}"));
        out.line("   Tracking RS :");
        for id in tables.checkers_of_session(name) {
            out.line(format_args!("   {}", server(id.0, tables)));
        }
    }
}
