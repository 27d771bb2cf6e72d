//! Routes and rules as lines of the configuration, with the values in effect.

use std::fmt::{Display, Formatter, Result, Write};
use std::net::IpAddr;

use super::address::Family;
use super::route::{Encap, MetricKind, NextHop, Placing, Route, RouteKind, RoutePreference, Tunnel};
use super::rule::{Rule, RuleAction};

/// Writes a word with its value, if it has one.
fn word(f: &mut impl Write, name: &str, value: Option<impl Display>) -> Result {
    match value {
        Some(value) => write!(f, " {name} {value}"),
        None => Ok(()),
    }
}

fn flag(f: &mut impl Write, name: &str, set: bool) -> Result {
    if set { write!(f, " {name}") } else { Ok(()) }
}

/// `SRC/DST`, or `DST`.
fn realms(realms: u32) -> String {
    match (realms >> 16, realms & 0xffff) {
        (0, to) => to.to_string(),
        (from, to) => format!("{from}/{to}"),
    }
}

fn prefix((ip, len): (IpAddr, u8)) -> String {
    format!("{ip}/{len}")
}

/// `N`, or `N-N`.
fn range<N: Display + PartialEq>((first, last): (N, N)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// A line of `static_routes` or `virtual_routes`.
impl Display for Route {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.word())?;
        }
        f.write_str(&prefix(self.destination))?;
        word(f, "from", self.from.map(prefix))?;
        word(f, "src", self.source)?;
        word(f, "via", self.via)?;
        word(f, "dev", self.device.as_ref())?;
        flag(f, "onlink", self.onlink)?;
        word(f, "encap", self.encap.as_ref())?;
        word(f, "realms", self.realms.map(realms))?;
        word(f, "tos", Some(self.tos).filter(|tos| *tos != 0))?;
        match &self.vrf {
            Some(vrf) => write!(f, " vrf {vrf}")?,
            None => write!(f, " table {}", self.table)?,
        }
        write!(f, " protocol {}", self.protocol)?;
        word(f, "scope", self.scope)?;
        word(f, "metric", self.metric)?;
        word(f, "expires", self.expires)?;
        word(f, "pref", self.preference)?;
        word(f, "ttl-propagate", self.ttl_propagate.map(|on| if on { "enabled" } else { "disabled" }))?;
        for metric in &self.metrics {
            let lock = if metric.lock { "lock " } else { "" };
            match metric.kind {
                MetricKind::Features => write!(f, " features ecn")?,
                MetricKind::Rtt | MetricKind::RttVar | MetricKind::RtoMin => {
                    write!(f, " {} {lock}{}ms", metric.kind.word(), metric.value)?;
                }
                kind => write!(f, " {} {lock}{}", kind.word(), metric.value)?,
            }
        }
        if let Some(control) = &self.congestion_control {
            write!(f, " congctl {}{}", if control.lock { "lock " } else { "" }, control.name)?;
        }
        match self.placing {
            Placing::Usual => {}
            Placing::Add => f.write_str(" add")?,
            Placing::Prepend => f.write_str(" prepend")?,
            Placing::Append => f.write_str(" append")?,
        }
        flag(f, "no_track", self.no_track)?;
        word(f, "track_group", self.track_group.as_ref())?;
        self.hops.iter().try_for_each(|hop| write!(f, " nexthop{hop}"))
    }
}

/// The words after `nexthop`, with a blank before each.
impl Display for NextHop {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        word(f, "via", self.via)?;
        word(f, "dev", self.device.as_ref())?;
        word(f, "weight", self.weight)?;
        flag(f, "onlink", self.onlink)?;
        word(f, "encap", self.encap.as_ref())?;
        word(f, "realms", self.realms.map(realms))
    }
}

/// The words after `encap`.
impl Display for Encap {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Encap::Mpls(labels) => {
                let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
                write!(f, "mpls {}", labels.join("/"))
            }
            Encap::Ip(tunnel) => write!(f, "ip{tunnel}"),
            Encap::Ip6(tunnel) => write!(f, "ip6{tunnel}"),
            Encap::Ila(locator) => {
                let group = |shift: u32| locator >> shift & 0xffff;
                write!(f, "ila {:x}:{:x}:{:x}:{:x}", group(48), group(32), group(16), group(0))
            }
        }
    }
}

/// The words after `encap ip` and `encap ip6`, with a blank before each.
impl Display for Tunnel {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        word(f, "id", self.id)?;
        word(f, "dst", self.destination)?;
        word(f, "src", self.source)?;
        word(f, "tos", self.tos)?;
        word(f, "ttl", self.ttl)?;
        word(f, "flags", self.flags)
    }
}

impl Display for RoutePreference {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            RoutePreference::Low => "low",
            RoutePreference::Medium => "medium",
            RoutePreference::High => "high",
        })
    }
}

/// A line of `static_rules` or `virtual_rules`.
impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut words = String::new();
        self.words(&mut words)?;
        f.write_str(words.trim_start())
    }
}

impl Rule {
    /// The words of the line, with a blank before each.
    fn words(&self, f: &mut String) -> Result {
        flag(f, "not", self.invert)?;
        word(f, "from", self.from.map(prefix))?;
        word(f, "to", self.to.map(prefix))?;
        flag(f, "inet6", self.family == Family::V6 && self.from.or(self.to).is_none())?;
        word(f, "iif", self.iif.as_ref())?;
        word(f, "oif", self.oif.as_ref())?;
        word(f, "tos", Some(self.tos).filter(|tos| *tos != 0))?;
        if let Some((mark, mask)) = self.mark {
            write!(f, " fwmark {mark:#x}")?;
            mask.map_or(Ok(()), |mask| write!(f, "/{mask:#x}"))?;
        }
        word(f, "tunnel-id", self.tunnel_id)?;
        if let Some((first, last)) = self.users {
            write!(f, " uidrange {first}-{last}")?;
        }
        word(f, "ipproto", self.ip_protocol)?;
        word(f, "sport", self.source_ports.map(range))?;
        word(f, "dport", self.destination_ports.map(range))?;
        write!(f, " {}", self.action)?;
        word(f, "suppress_prefixlength", self.suppress_prefix)?;
        word(f, "suppress_ifgroup", self.suppress_group)?;
        word(f, "realms", self.realms.map(realms))?;
        write!(f, " preference {} protocol {}", self.preference, self.protocol)?;
        flag(f, "no_track", self.no_track)?;
        word(f, "track_group", self.track_group.as_ref())
    }
}

impl Display for RuleAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            RuleAction::Table(table) => write!(f, "table {table}"),
            RuleAction::L3Mdev => f.write_str("l3mdev"),
            RuleAction::Goto(target) => write!(f, "goto {target}"),
            RuleAction::Nop => f.write_str("nop"),
            RuleAction::Blackhole => f.write_str("blackhole"),
            RuleAction::Unreachable => f.write_str("unreachable"),
            RuleAction::Prohibit => f.write_str("prohibit"),
        }
    }
}
