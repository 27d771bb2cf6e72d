//! `real_server`.

use std::net::{IpAddr, SocketAddr};

use super::super::super::lvs::{Method, RealServer};
use super::super::super::node::Node;
use super::super::context::Ctx;
use super::super::script;
use super::around::{Around, owned};
use super::target::{Server, Times};
use super::{checker, method};

/// Settings of the virtual server that its real servers inherit.
pub(super) struct Service {
    pub ports: Ports,
    pub method: Method,
    pub times: Times,
    pub weight: u32,
    pub alpha: bool,
    pub inhibit: bool,
    pub virtual_host: Option<String>,
}

/// The ports of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    /// One port, 0 = any, also of all addresses of a group.
    One(u16),
    /// The entries of a group have different ports; a real server with port 0 has that of the entry.
    OfEntries,
    /// No port: firewall marks.
    None,
}

pub(super) fn build(
    node: &Node<'_>,
    service: &Service,
    around: &Around<'_>,
    ctx: &mut Ctx<'_, '_>,
) -> Option<RealServer> {
    let ip = node.ip(0)?;
    let method = method::method(node, "lvs_method", ctx).unwrap_or(service.method);
    let (port, reached) = port(node, ip, service, method, ctx);
    let number = |name: &str| node.last(name).and_then(|n| n.u32(0));
    let (upper, mut lower) = (number("uthreshold").unwrap_or(0), number("lthreshold").unwrap_or(0));
    if lower > upper {
        let at = node.last("lthreshold").map_or_else(|| node.at(), |n| n.at_arg(0));
        let text = format!("lthreshold {lower} is above uthreshold {upper}: {upper} is used");
        lower = upper;
        ctx.mistake(at, text, "write at most uthreshold");
    }
    let server = Server {
        address: SocketAddr::new(ip, reached),
        times: Times::of(node).inheriting(service.times),
        alpha: node.flag("alpha").unwrap_or(service.alpha),
        virtual_host: owned(node, "virtualhost").or_else(|| service.virtual_host.clone()),
    };
    let mut get = |name: &str| node.first(name, ctx).and_then(|n| script::script(n, ctx)).map(Box::new);
    let (notify_up, notify_down) = (get("notify_up"), get("notify_down"));
    Some(RealServer {
        address: SocketAddr::new(ip, port),
        weight: number("weight").unwrap_or(service.weight),
        method,
        upper_threshold: upper,
        lower_threshold: lower,
        inhibit: node.flag("inhibit_on_failure").unwrap_or(service.inhibit),
        notify_up,
        notify_down,
        smtp_alert: node.flag("smtp_alert").or(around.smtp_alert).unwrap_or(true),
        snmp_name: owned(node, "snmp_name"),
        timing: Some(server.times.timing()).filter(|own| *own != service.times.timing()).map(Box::new),
        checkers: checker::build(node, &server, around, ctx),
        alpha: server.alpha,
        virtual_host: owned(node, "virtualhost"),
    })
}

/// The port of a server in IPVS, and the port of its checks: direct routing and tunnels keep the port of the service.
pub(super) fn port(
    node: &Node<'_>,
    ip: IpAddr,
    service: &Service,
    method: Method,
    ctx: &mut Ctx<'_, '_>,
) -> (u16, u16) {
    // As in C keepalived, 0 is the port of the service, which may be any.
    let written = node.uint(1).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let of_service = match service.ports {
        Ports::One(port) => port,
        Ports::OfEntries | Ports::None => 0,
    };
    let reached = written.unwrap_or(of_service);
    if method == Method::Nat {
        return (reached, reached);
    }
    if let Some(port) = written.filter(|port| *port != of_service) {
        let text = match service.ports {
            Ports::None => format!("{ip}: with DR and TUN, a server of a firewall mark has no port: {port} is ignored"),
            Ports::OfEntries => format!("{ip}: DR and TUN keep the port of each entry of the group: {port} is ignored"),
            Ports::One(own) => format!("{ip}: DR and TUN keep the port of the service: {own} is used, not {port}"),
        };
        ctx.mistake(node.at_arg(1), text, "write the port of the service, or no port");
    }
    (of_service, reached)
}
