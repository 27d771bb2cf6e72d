//! Encodes requests to add and remove routes: `RTM_NEWROUTE` and `RTM_DELROUTE`.

use std::net::IpAddr;

use nix::errno::Errno;

use super::attributes::Attributes;
use super::encap_encode::put_encap;
use super::netlink::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, Refusal};
use super::request_socket::Request;
use super::route::RouteRequest;
use super::rtnetlink::{
    AF_INET, AF_INET6, RTA_DST, RTA_EXPIRES, RTA_FLOW, RTA_GATEWAY, RTA_METRICS, RTA_MULTIPATH, RTA_OIF, RTA_PREF,
    RTA_PREFSRC, RTA_PRIORITY, RTA_SRC, RTA_TABLE, RTA_TTL_PROPAGATE, RTA_VIA, RTAX_CC_ALGO, RTAX_LOCK, RTM_DELROUTE,
    RTM_NEWROUTE, RTNH_F_ONLINK,
};
use crate::config::model::{Encap, Family, MetricKind, Placing, Route, RouteKind, RouteMetric};
use crate::state::Op;
use crate::vrrp::RouteKey;

const SCOPE_GLOBAL: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// Longest list of attributes; the length of an attribute has 16 bits.
const LONGEST: usize = 60_000;

/// The errors that mean that there is nothing to change.
pub(super) fn nothing_to_change(op: Op) -> &'static [Errno] {
    match op {
        Op::Add => &[Errno::EEXIST],
        Op::Remove => &[Errno::ESRCH],
    }
}

/// Encodes a request.
pub(super) fn encode(request: &RouteRequest) -> Result<Request, Refusal> {
    let (route, devices) = (&request.route, &request.devices);
    check_devices(request)?;
    check_families(route)?;
    let RouteKey { table, metric, .. } = RouteKey::of(route, devices.vrf_table);
    let onlink = if route.onlink { RTNH_F_ONLINK } else { 0 };
    let [a, b, c, d] = u32::from(onlink).to_ne_bytes();
    let from = route.from.filter(|(_, prefix)| *prefix > 0);
    // struct rtmsg; a table with a greater number is an attribute.
    let header = [
        if route.family == Family::V4 { AF_INET } else { AF_INET6 },
        route.destination.1,
        from.map_or(0, |(_, prefix)| prefix),
        route.tos,
        u8::try_from(table).unwrap_or(0),
        route.protocol,
        scope(route),
        route.kind as u8,
        a,
        b,
        c,
        d,
    ];
    let mut out = Attributes::after(&header);
    // These have no attributes.
    let in_header = [("tos", route.tos > 0), ("scope", route.scope.is_some()), ("onlink", route.onlink)];
    in_header.iter().filter(|(_, used)| *used).for_each(|(word, _)| out.word(word));
    if route.destination.1 > 0 {
        out.word("to");
        out.put_ip(RTA_DST, route.destination.0);
    }
    if let Some((ip, _)) = from {
        out.word("from");
        out.put_ip(RTA_SRC, ip);
    }
    out.word("table");
    out.put(RTA_TABLE, table.to_ne_bytes());
    if metric > 0 {
        out.word("metric");
        out.put(RTA_PRIORITY, metric.to_ne_bytes());
    }
    if let Some(source) = route.source {
        out.word("src");
        out.put_ip(RTA_PREFSRC, source);
    }
    if let Some(via) = route.via {
        put_gateway(&mut out, route.family, via);
    }
    if let Some(index) = devices.device {
        out.word("dev");
        out.put(RTA_OIF, index.to_ne_bytes());
    }
    let (kind, flags) = match request.op {
        Op::Add => {
            put_settings(&mut out, route);
            (RTM_NEWROUTE, NLM_F_CREATE | placing(route.placing))
        }
        Op::Remove => (RTM_DELROUTE, 0),
    };
    put_hops(&mut out, request);
    if out.octets().len() > LONGEST {
        return Err(Refusal { errno: Errno::EMSGSIZE as i32, text: "nexthop".to_owned() });
    }
    Ok(Request { kind, flags, payload: out })
}

/// Refuses a route with a device that does not exist.
fn check_devices(request: &RouteRequest) -> Result<(), Refusal> {
    let (route, devices) = (&request.route, &request.devices);
    let of_hops = devices.of_hops(route).map(|(hop, index)| ("dev", &hop.device, index));
    let named = [("dev", &route.device, devices.device), ("vrf", &route.vrf, devices.vrf_table)];
    for (word, name, found) in named.into_iter().chain(of_hops) {
        if let (Some(name), None) = (name, found) {
            return Err(Refusal { errno: Errno::ENODEV as i32, text: format!("{word} {name}") });
        }
    }
    Ok(())
}

/// Refuses addresses of another family: the kernel would take a part of them.
fn check_families(route: &Route) -> Result<(), Refusal> {
    let own = [("to", Some(route.destination.0)), ("from", route.from.map(|from| from.0)), ("src", route.source)];
    let own = own.into_iter().map(|(word, ip)| (word, ip, route.family));
    let hops = route.hops.iter().filter_map(|hop| hop.encap.as_ref());
    let tunnels = route.encap.iter().chain(hops).flat_map(|encap| {
        let (tunnel, family) = match encap {
            Encap::Ip(tunnel) => (Some(tunnel), Family::V4),
            Encap::Ip6(tunnel) => (Some(tunnel), Family::V6),
            Encap::Mpls(_) | Encap::Ila(_) => (None, Family::V4),
        };
        let ips = tunnel.map_or([None; 2], |tunnel| [tunnel.destination, tunnel.source]);
        ips.map(|ip| ("encap", ip, family))
    });
    match own.chain(tunnels).find(|(_, ip, family)| ip.is_some_and(|ip| Family::of(ip) != *family)) {
        Some((word, ..)) => Err(Refusal { errno: Errno::EINVAL as i32, text: format!("{word} of another family") }),
        None => Ok(()),
    }
}

/// `scope`, else global; the kernel accepts routes to itself and broadcasts with a narrower scope only.
fn scope(route: &Route) -> u8 {
    route.scope.unwrap_or(match route.kind {
        RouteKind::Local | RouteKind::Nat if route.family == Family::V4 => SCOPE_HOST,
        RouteKind::Broadcast if route.family == Family::V4 => SCOPE_LINK,
        _ => SCOPE_GLOBAL,
    })
}

fn placing(placing: Placing) -> u16 {
    match placing {
        // NLM_F_REPLACE would take a route of the host away, such as that of its own network.
        Placing::Usual | Placing::Prepend => 0,
        Placing::Add => NLM_F_EXCL,
        Placing::Append => NLM_F_APPEND,
    }
}

/// Settings that do not identify a route.
fn put_settings(out: &mut Attributes, route: &Route) {
    if let Some(realms) = route.realms {
        out.word("realms");
        out.put(RTA_FLOW, realms.to_ne_bytes());
    }
    if let Some(encap) = &route.encap {
        put_encap(out, encap);
    }
    if let Some(seconds) = route.expires {
        out.word("expires");
        out.put(RTA_EXPIRES, seconds.to_ne_bytes());
    }
    if let Some(preference) = route.preference {
        out.word("pref");
        out.put(RTA_PREF, [preference as u8]);
    }
    if let Some(propagate) = route.ttl_propagate {
        out.word("ttl-propagate");
        out.put(RTA_TTL_PROPAGATE, [u8::from(propagate)]);
    }
    put_metrics(out, route);
}

fn put_metrics(out: &mut Attributes, route: &Route) {
    let control = &route.congestion_control;
    if route.metrics.is_empty() && control.is_none() {
        return;
    }
    let numbers = route.metrics.iter().filter(|metric| metric.lock).map(|metric| metric.kind as u16);
    let names = control.iter().filter(|control| control.lock).map(|_| RTAX_CC_ALGO);
    let locks = numbers.chain(names).fold(0_u32, |locks, number| locks | 1_u32.checked_shl(number.into()).unwrap_or(0));
    out.word("lock");
    out.nest(RTA_METRICS, |out| {
        if locks != 0 {
            out.put(RTAX_LOCK, locks.to_ne_bytes());
        }
        for metric in &route.metrics {
            out.word(word(metric.kind));
            out.put(metric.kind as u16, value(metric).to_ne_bytes());
        }
        if let Some(control) = control {
            out.word("congctl");
            out.put_text(RTAX_CC_ALGO, &control.name);
        }
    });
}

/// The value in the unit of the kernel.
fn value(metric: &RouteMetric) -> u32 {
    match metric.kind {
        MetricKind::Rtt => metric.value.saturating_mul(8),
        MetricKind::RttVar => metric.value.saturating_mul(4),
        _ => metric.value,
    }
}

/// The keyword of a metric.
fn word(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Mtu => "mtu",
        MetricKind::Window => "window",
        MetricKind::Rtt => "rtt",
        MetricKind::RttVar => "rttvar",
        MetricKind::SsThresh => "ssthresh",
        MetricKind::Cwnd => "cwnd",
        MetricKind::AdvMss => "advmss",
        MetricKind::Reordering => "reordering",
        MetricKind::HopLimit => "hoplimit",
        MetricKind::InitCwnd => "initcwnd",
        MetricKind::Features => "features",
        MetricKind::RtoMin => "rto_min",
        MetricKind::InitRwnd => "initrwnd",
        MetricKind::QuickAck => "quickack",
        MetricKind::FastOpenNoCookie => "fastopen_no_cookie",
    }
}

/// A gateway; one of the other family has an attribute of its own.
fn put_gateway(out: &mut Attributes, family: Family, via: IpAddr) {
    out.word("via");
    if Family::of(via) == family {
        out.put_ip(RTA_GATEWAY, via);
        return;
    }
    // struct rtvia.
    let family = if via.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut octets = u16::from(family).to_ne_bytes().to_vec();
    match via {
        IpAddr::V4(ip) => octets.extend(ip.octets()),
        IpAddr::V6(ip) => octets.extend(ip.octets()),
    }
    out.put_octets(RTA_VIA, &octets);
}

fn put_hops(out: &mut Attributes, request: &RouteRequest) {
    let route = &request.route;
    if route.hops.is_empty() {
        return;
    }
    out.word("nexthop");
    out.list(RTA_MULTIPATH, |out| {
        for (hop, index) in request.devices.of_hops(route) {
            let flags = if hop.onlink { RTNH_F_ONLINK } else { 0 };
            let weight = hop.weight.unwrap_or(1).saturating_sub(1);
            let [a, b, c, d] = index.unwrap_or(0).to_ne_bytes();
            // struct rtnexthop after its length.
            out.counted([flags, u8::try_from(weight).unwrap_or(u8::MAX), a, b, c, d], |out| {
                if let Some(via) = hop.via {
                    put_gateway(out, route.family, via);
                }
                if request.op == Op::Remove {
                    return;
                }
                if let Some(realms) = hop.realms {
                    out.word("realms");
                    out.put(RTA_FLOW, realms.to_ne_bytes());
                }
                if let Some(encap) = &hop.encap {
                    put_encap(out, encap);
                }
            });
        }
    });
}
