//! Lines of routes.

use std::net::IpAddr;

use super::{Line, network};
use crate::config::model::{
    Encap, MetricKind, NextHop, PROTOCOL_KEEPALIVED, Placing, Route as Config, RouteKind, RoutePreference, TABLE_MAIN,
    Tunnel,
};
use crate::vrrp::{Route, Tables};

/// The metrics that C keepalived shows before the congestion control, and those after it.
const METRICS: [&[MetricKind]; 2] = [
    &[MetricKind::Mtu, MetricKind::AdvMss, MetricKind::HopLimit],
    &[
        MetricKind::Rtt,
        MetricKind::RttVar,
        MetricKind::RtoMin,
        MetricKind::Features,
        MetricKind::Window,
        MetricKind::SsThresh,
        MetricKind::Cwnd,
        MetricKind::Reordering,
        MetricKind::InitCwnd,
        MetricKind::InitRwnd,
        MetricKind::QuickAck,
        MetricKind::FastOpenNoCookie,
    ],
];

/// A route: `prepend 10.61.0.0/24 via inet 10.1.0.254 proto 18 metric 3 [dev eth0]`, at its end the interface to the gateway.
pub(in crate::notify::dump) fn route(row: &Route, tables: &Tables) -> String {
    let config = &row.config;
    let mut line = Line::default();
    // Without a word an equal route is replaced; C keepalived shows that as prepend.
    line.word(match config.placing {
        Placing::Add => "add",
        Placing::Append => "append",
        Placing::Prepend | Placing::Usual => "prepend",
    });
    line.flags(&[(config.kind != RouteKind::Unicast, config.kind.word())]);
    line.word(network(config.destination));
    line.value("from", config.from.map(network));
    line.value("src", config.source);
    line.value("tos", Some(config.tos).filter(|tos| *tos != 0));
    line.value("encap", config.encap.as_ref().map(encap));
    line.value("via", config.via.map(gateway));
    line.value("dev", config.device.as_ref());
    let vrf_table = row.devices.as_ref().and_then(|devices| devices.vrf_table);
    line.value("table", vrf_table.or_else(|| Some(config.table).filter(|table| *table != TABLE_MAIN)));
    let is_usual = config.no_track && config.protocol == PROTOCOL_KEEPALIVED;
    line.value("proto", Some(config.protocol).filter(|_| !is_usual));
    // That of a local route and the like follows from its type.
    let has_usual = matches!(config.kind, RouteKind::Local | RouteKind::Broadcast | RouteKind::Anycast);
    line.value("scope", config.scope.filter(|_| !has_usual));
    line.value("metric", config.metric);
    line.flags(&[(config.onlink, "onlink")]);
    realms(&mut line, config.realms);
    line.value("expires", config.expires.map(|seconds| format!("{seconds}sec")));
    line.value("pref", config.preference.map(preference));
    metrics(&mut line, config);
    line.value("ttl-propagate", config.ttl_propagate.map(|enabled| if enabled { "enabled" } else { "disabled" }));
    config.hops.iter().for_each(|hop| next_hop(&mut line, hop));
    line.flags(&[(config.no_track, "no_track")]);
    let tracked = config.via.filter(|_| config.device.is_none() && !config.no_track);
    if let Some(device) = tracked.and_then(|via| tables.gateway_devices(via).next()) {
        line.word(format_args!("[dev {device}]"));
    }
    line.0
}

fn gateway(ip: IpAddr) -> String {
    format!("{} {ip}", if ip.is_ipv4() { "inet" } else { "inet6" })
}

fn realms(line: &mut Line, realms: Option<u32>) {
    match realms.map(|realms| (realms >> 16, realms & 0xffff)) {
        None => {}
        Some((0, to)) => line.word(format_args!("realm {to}")),
        Some((from, to)) => line.word(format_args!("realms {from}/{to}")),
    }
}

fn preference(preference: RoutePreference) -> &'static str {
    match preference {
        RoutePreference::Low => "low",
        RoutePreference::Medium => "medium",
        RoutePreference::High => "high",
    }
}

fn metrics(line: &mut Line, config: &Config) {
    let [first, last] = METRICS;
    first.iter().for_each(|kind| metric(line, config, *kind));
    if let Some(control) = &config.congestion_control {
        line.word(format_args!("congctl {}{}", lock(control.lock), control.name));
    }
    last.iter().for_each(|kind| metric(line, config, *kind));
}

fn metric(line: &mut Line, config: &Config, kind: MetricKind) {
    let Some(metric) = config.metric(kind) else { return };
    let value = match kind {
        MetricKind::Rtt | MetricKind::RttVar | MetricKind::RtoMin if metric.value % 1000 == 0 => {
            format!("{}s", metric.value / 1000)
        }
        MetricKind::Rtt | MetricKind::RttVar | MetricKind::RtoMin => format!("{}ms", metric.value),
        MetricKind::Features if metric.value == 1 => "ecn".to_owned(),
        _ => metric.value.to_string(),
    };
    line.word(format_args!("{} {}{value}", kind.word(), lock(metric.lock)));
}

fn lock(is_locked: bool) -> &'static str {
    if is_locked { "lock " } else { "" }
}

fn next_hop(line: &mut Line, hop: &NextHop) {
    line.word("nexthop");
    line.value("encap", hop.encap.as_ref().map(encap));
    line.value("via", hop.via.map(gateway));
    line.value("dev", hop.device.as_ref());
    line.value("weight", hop.weight);
    line.flags(&[(hop.onlink, "onlink")]);
    realms(line, hop.realms);
}

fn encap(encap: &Encap) -> String {
    match encap {
        Encap::Mpls(labels) => {
            let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
            format!("mpls {}", labels.join("/"))
        }
        Encap::Ip(options) => tunnel("ip", options, ["tos", "ttl"]),
        Encap::Ip6(options) => tunnel("ip6", options, ["tc", "hoplimit"]),
        Encap::Ila(locator) => format!("ila {locator}"),
    }
}

fn tunnel(kind: &str, options: &Tunnel, [class, hops]: [&str; 2]) -> String {
    let mut line = Line::default();
    line.word(kind);
    line.value("id", options.id);
    line.value("dst", options.destination);
    line.value("src", options.source);
    line.value(class, options.tos);
    line.value(hops, options.ttl);
    line.value("flags", options.flags.map(|flags| format!("{flags:#x}")));
    line.0
}
