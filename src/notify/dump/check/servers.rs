//! Virtual servers and their real servers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::super::global::script_user;
use super::super::text::{Seconds, Text, yes};
use super::ipvs::Held;
use crate::check::ipvs::Director;
use crate::check::{RealServer, RealServerId, Tables, VirtualServer, VirtualServerId, endpoint};
use crate::config::lvs::{
    self, CheckerKind, Endpoint, Method, Protocol, Scheduler, SorryServer, Timing, Tunnel, TunnelChecksum,
};
use crate::config::model::Family;
use crate::notify::check_messages::{server, service};

pub(super) fn sections(out: &mut Text, tables: &Tables, ipvs: &Director) {
    for id in tables.virtual_servers_in_order() {
        let Some(row) = tables.virtual_servers.get(&id) else { continue };
        let held = Held::new(id, tables, ipvs);
        virtual_server(out, id, row, tables, &held);
        let mut servers: Vec<_> =
            tables.real_servers.of(&id).filter(|(_, server)| server.regular().is_some()).collect();
        servers.sort_by_key(|(_, server)| server.place);
        for (server_id, server) in servers {
            if let Some(config) = server.regular() {
                real_server(out, *server_id, server, config, row, tables, &held);
            }
        }
    }
}

fn virtual_server(out: &mut Text, id: VirtualServerId, row: &VirtualServer, tables: &Tables, held: &Held<'_>) {
    let (config, user) = (&row.config, script_user(&tables.system));
    out.line(" ------< Virtual server >------");
    match &config.endpoint {
        Endpoint::Address(address) => {
            out.line(format_args!(" VS VIP = {}, VPORT = {}", address.ip(), address.port()));
        }
        Endpoint::FwMark(mark, _) => out.line(format_args!(" VS FWMARK = {mark}")),
        Endpoint::Group(name) => out.line(format_args!(" VS GROUP = [{name}]:0")),
    }
    if let Some(host) = &config.virtual_host {
        out.item("VirtualHost", host);
    }
    out.item("Address family", if row.family == Family::V4 { "inet" } else { "inet6" });
    out.item("connection timeout", Seconds(config.timing.connect_timeout));
    out.item("delay_loop", Seconds(config.timing.delay_loop));
    scheduling(out, row);
    out.item("protocol", protocol(config.protocol));
    out.line(format_args!("   alpha is {}", on(config.alpha)));
    out.line(format_args!("   omega is {}", on(config.omega)));
    timing(out, &config.timing);
    out.line(format_args!("   Inhibit on failure is {}", on(config.inhibit)));
    out.line(format_args!("   quorum = {}, hysteresis = {}", config.quorum, config.hysteresis));
    out.script("Quorum up notify script", config.quorum_up.as_ref(), user);
    out.script("Quorum down notify script", config.quorum_down.as_ref(), user);
    if config.ha_suspend {
        out.line("   Using HA suspend");
    }
    out.item("Using smtp notification", yes(config.smtp_alert));
    out.item("default forwarding method", forwarding(config.method));
    if let Some(sorry) = &config.sorry_server {
        let mut servers = tables.real_servers.of(&id).map(|(_, server)| server);
        sorry_server(out, sorry, servers.find(|server| server.regular().is_none()), row, held);
    }
    out.item("VS alive", u8::from(held.is_set()));
    out.item("quorum_state_up", u8::from(row.quorum_met));
    out.item("reloaded", 0);
    // Not in C keepalived.
    held.services().iter().for_each(|text| out.item("IPVS", text));
}

fn scheduling(out: &mut Text, row: &VirtualServer) {
    let config = &row.config;
    let enabled = super::super::text::enabled;
    out.item("lvs_sched", config.scheduler.name());
    out.item("Hashed", enabled(config.hashed));
    let [first, second, third] = config.scheduler_flags;
    match config.scheduler {
        Scheduler::Sh | Scheduler::Mh => {
            let name = config.scheduler.name();
            out.item(&format!("{name}-port"), enabled(second));
            out.item(&format!("{name}-fallback"), enabled(first));
        }
        _ => {
            out.item("flag-1", enabled(first));
            out.item("flag-2", enabled(second));
            out.item("flag-3", enabled(third));
        }
    }
    out.item("One packet scheduling", enabled(config.one_packet));
    if let Some(seconds) = config.persistence {
        out.item("persistence timeout", seconds);
    }
    if let Some(length) = config.granularity {
        match row.family {
            Family::V4 => {
                let bits = u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0);
                out.item("persistence granularity", IpAddr::V4(Ipv4Addr::from(bits)));
            }
            Family::V6 => out.item("persistence granularity", length),
        }
    }
    if let Some(engine) = &config.persistence_engine {
        out.item("persistence engine", engine);
    }
}

/// The keywords of a level that are set.
fn timing(out: &mut Text, timing: &Timing) {
    if let Some(retry) = timing.retry {
        out.item("Retry count", retry);
    }
    if let Some(delay) = timing.delay_before_retry {
        out.item("Retry delay", Seconds(delay));
    }
    if let Some(warmup) = timing.warmup {
        out.item("Warmup", Seconds(warmup));
    }
}

fn sorry_server(
    out: &mut Text,
    sorry: &SorryServer,
    row: Option<&RealServer>,
    service: &VirtualServer,
    held: &Held<'_>,
) {
    out.item("sorry server", endpoint(sorry.address, service.config.protocol));
    out.line(format_args!("     forwarding method = {}", forwarding(sorry.method)));
    out.line(format_args!("     Inhibit on failure is {}", on(sorry.inhibit)));
    let set = row.is_some_and(|row| row.wanted.is_some() && held.server(row).is_none());
    out.line(format_args!("     set = {}", u8::from(set)));
    out.line(format_args!("     alive = {}", u8::from(service.sorry_in_use())));
}

fn real_server(
    out: &mut Text,
    id: RealServerId,
    row: &RealServer,
    config: &lvs::RealServer,
    service: &VirtualServer,
    tables: &Tables,
    held: &Held<'_>,
) {
    let (address, user) = (config.address, script_user(&tables.system));
    let differs = held.server(row);
    out.line("   ------< Real server >------");
    let (ip, port) = (address.ip(), address.port());
    out.line(format_args!("   RIP = {ip}, RPORT = {port}, WEIGHT = {} EFF WEIGHT = {}", row.base_weight, row.weight));
    if let Some(host) = &config.virtual_host {
        out.item("VirtualHost", host);
    }
    out.item("forwarding method", forwarding(config.method));
    out.line(format_args!("   Alpha is {}", on(config.alpha)));
    let own = config.timing.as_deref().unwrap_or(&service.config.timing);
    out.item("connection timeout", Seconds(own.connect_timeout));
    out.line(format_args!("   connection limit range = {} -> {}", config.lower_threshold, config.upper_threshold));
    out.item("Delay loop", Seconds(own.delay_loop));
    timing(out, own);
    out.line(format_args!("   Inhibit on failure is {}", on(config.inhibit)));
    out.script("RS up notify script", config.notify_up.as_deref(), user);
    out.script("RS down notify script", config.notify_down.as_deref(), user);
    out.item("Using smtp notification", yes(config.smtp_alert));
    out.item("initial weight", config.weight);
    out.item("effective weight", row.weight);
    out.item("previous effective_weight", 0);
    out.item("alive", u8::from(row.alive));
    out.item("num failed checkers", row.failed_checkers);
    out.item("RS set", u8::from(row.wanted.is_some() && differs.is_none()));
    out.item("reloaded", 0);
    if let Some(text) = differs {
        // Not in C keepalived.
        out.item("IPVS", text);
    }
    let checkers = || tables.checkers.of(&id).map(|(_, row)| &row.config.kind);
    let files = checkers().filter_map(|kind| match kind {
        CheckerKind::File { track_file, weight, reverse } => {
            Some(format!("     {track_file}, weight {weight}{}", if *reverse { " reverse" } else { "" }))
        }
        _ => None,
    });
    list(out, "Tracked Files", files);
    let sessions = checkers().filter_map(|kind| match kind {
        CheckerKind::Bfd { session } => Some(format!("     {session}")),
        _ => None,
    });
    list(out, "Tracked BFDs", sessions);
}

/// A list whose title has no colon.
fn list(out: &mut Text, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        out.line(format_args!("   {title}"));
    }
    lines.for_each(|line| out.line(line));
}

fn on(is_set: bool) -> &'static str {
    if is_set { "ON" } else { "OFF" }
}

fn protocol(protocol: Option<Protocol>) -> &'static str {
    match protocol {
        Some(Protocol::Tcp) => "TCP",
        Some(Protocol::Udp) => "UDP",
        Some(Protocol::Sctp) => "SCTP",
        None => "none",
    }
}

/// `NAT`, `DR`, `TUN, type = GUE, port = 6080, checksum`.
fn forwarding(method: Method) -> String {
    let checksum = |checksum: TunnelChecksum| match checksum {
        TunnelChecksum::None => "",
        TunnelChecksum::Checksum => ", checksum",
        TunnelChecksum::Remote => ", remote checksum",
    };
    match method {
        Method::Nat => "NAT".to_owned(),
        Method::Dr => "DR".to_owned(),
        Method::Tun(Tunnel::Ipip) => "TUN, type = IPIP".to_owned(),
        Method::Tun(Tunnel::Gue(port, of)) => format!("TUN, type = GUE, port = {port}{}", checksum(of)),
        Method::Tun(Tunnel::Gre(of)) => format!("TUN, type = GRE{}", checksum(of)),
    }
}

/// A time in whole microseconds.
pub(super) fn us(time: Duration) -> String {
    format!("{} us", time.as_micros())
}

/// The names of a service and of a server of it.
pub(super) fn names(id: RealServerId, tables: &Tables) -> (String, String) {
    (service(id.0, tables), server(id, tables))
}
