//! Timing keywords, which all levels have, and the target of a checker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::super::super::lvs::{Source, Target, Timing};
use super::super::super::node::Node;
use super::super::context::Ctx;
use super::around::{Around, owned, time};

/// Timing keywords as written on one level, or inherited.
#[derive(Clone, Copy)]
pub(super) struct Times {
    delay_loop: Option<Duration>,
    connect_timeout: Option<Duration>,
    pub retry: Option<u32>,
    pub delay_before_retry: Option<Duration>,
    warmup: Option<Duration>,
}

impl Times {
    pub fn of(node: &Node<'_>) -> Times {
        Times {
            delay_loop: time(node, "delay_loop"),
            connect_timeout: time(node, "connect_timeout"),
            retry: node.last("retry").and_then(|n| n.u32(0)),
            delay_before_retry: time(node, "delay_before_retry"),
            warmup: time(node, "warmup"),
        }
    }

    /// Fills missing values from the outer level.
    pub fn inheriting(self, above: Times) -> Times {
        Times {
            delay_loop: self.delay_loop.or(above.delay_loop),
            connect_timeout: self.connect_timeout.or(above.connect_timeout),
            retry: self.retry.or(above.retry),
            delay_before_retry: self.delay_before_retry.or(above.delay_before_retry),
            warmup: self.warmup.or(above.warmup),
        }
    }

    /// The timing with the common defaults.
    pub fn timing(self) -> Timing {
        Timing {
            delay_loop: self.delay_loop.unwrap_or(Duration::from_secs(60)),
            connect_timeout: self.connect_timeout.unwrap_or(Duration::from_secs(5)),
            retry: self.retry,
            delay_before_retry: self.delay_before_retry,
            warmup: self.warmup,
        }
    }
}

/// How a checker uses the port of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// It needs the port.
    Needed,
    /// It has a default port.
    Default(u16),
    /// It does not use a port.
    Unused,
}

/// Target of a checker or of a `host` block; `server` is the real server, with port 0 if it has none.
pub(super) fn target(
    node: &Node<'_>,
    server: SocketAddr,
    port: Port,
    around: &Around<'_>,
    ctx: &mut Ctx<'_, '_>,
) -> Option<Target> {
    let number = |name: &str| node.last(name).and_then(|n| n.uint(0)).and_then(|p| u16::try_from(p).ok());
    let ip = node.last("connect_ip").and_then(|n| n.ip(0)).unwrap_or(server.ip());
    let mut to = number("connect_port").unwrap_or(server.port());
    if to == 0 {
        match port {
            Port::Default(own) => to = own,
            Port::Unused => {}
            Port::Needed => {
                let text = format!("{} has no port to connect to: it is left out", node.keyword.name);
                ctx.mistake(node.at(), text, "write connect_port in it, or give the real server a port");
                return None;
            }
        }
    }
    let interface = owned(node, "bind_if");
    if let Some((name, written)) = interface.as_ref().zip(node.last("bind_if")) {
        ctx.interface(name, written.at_arg(0), around.dynamic_interfaces);
    } else if is_link_local(ip) {
        let text = format!("the link-local address {ip} cannot be reached without an interface: the check fails");
        ctx.mistake(node.at(), text, "write bind_if IFNAME");
    }
    let bind = bind(node, ip, number("bind_port"), ctx);
    let source = Source { bind, interface, fwmark: node.last("fwmark").and_then(|n| n.u32(0)).unwrap_or(0) };
    let source = (source != Source::default()).then(|| Box::new(source));
    Some(Target { address: SocketAddr::new(ip, to), source })
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn bind(node: &Node<'_>, to: IpAddr, port: Option<u16>, ctx: &mut Ctx<'_, '_>) -> Option<SocketAddr> {
    let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let Some((written, from)) = node.last("bindto").and_then(|n| Some((n, n.ip(0)?))) else {
        return port.map(|port| SocketAddr::new(any, port));
    };
    if from.is_ipv4() != to.is_ipv4() {
        let text = format!("bindto {from} is not of the family of {to}: it is ignored");
        ctx.mistake(written.at_arg(0), text, "use two addresses of one family");
        return None;
    }
    Some(SocketAddr::new(from, port.unwrap_or(0)))
}

/// Settings of a real server or sorry server for its checkers.
pub(super) struct Server {
    /// Address with the configured port, else that of the service.
    pub address: SocketAddr,
    pub times: Times,
    pub alpha: bool,
    pub virtual_host: Option<String>,
}
