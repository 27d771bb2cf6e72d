//! `static_routes` and `virtual_routes`.

mod encap;
mod metric;

use std::net::IpAddr;

use super::super::diag::Class;
use super::super::iproute::NameKind;
use super::super::model::{
    CongestionControl, Family, NextHop, PROTOCOL_KEEPALIVED, Placing, Route, RouteKind, RoutePreference, TABLE_MAIN,
    network,
};
use super::super::node::Node;
use super::super::place::At;
use super::super::value::Value;
use super::context::Ctx;
use super::routing::{Entry, Known, Word, entries, everything, place};

/// Scopes of the kernel (`RT_SCOPE_LINK`, `RT_SCOPE_HOST`).
const LINK: u8 = 253;
const HOST: u8 = 254;

/// `static_routes`.
pub(super) fn statics(tree: &[Node<'_>], known: &Known<'_>, ctx: &mut Ctx<'_, '_>) -> Vec<Route> {
    entries(tree, "static_routes").filter_map(|node| route(node, known, ctx)).collect()
}

/// `virtual_routes` of an instance.
pub(super) fn of(instance: &Node<'_>, known: &Known<'_>, ctx: &mut Ctx<'_, '_>) -> Vec<Route> {
    let entries = instance.all("virtual_routes").flat_map(|node| node.children.iter());
    entries.filter_map(|node| route(node, known, ctx)).collect()
}

fn route(node: &Node<'_>, known: &Known<'_>, ctx: &mut Ctx<'_, '_>) -> Option<Route> {
    if node.bad {
        return None;
    }
    let maker = Maker {
        entry: Entry { node, known, family: None, ctx },
        route: Route::plain(everything(Family::V4)),
        destination: None,
        protocol_at: node.at(),
        more: Vec::new(),
        group: None,
        only: Vec::new(),
    };
    maker.make()
}

/// A route that is being built.
struct Maker<'e, 'c, 'f> {
    entry: Entry<'e, 'c, 'f>,
    route: Route,
    /// `Some(None)` = `default`.
    destination: Option<Option<(IpAddr, u8)>>,
    protocol_at: At,
    /// Addresses after `or`.
    more: Vec<IpAddr>,
    group: Option<(&'e str, At)>,
    /// Words of one family only.
    only: Vec<(Family, &'static str, At)>,
}

impl<'e> Maker<'e, '_, '_> {
    fn make(mut self) -> Option<Route> {
        let node = self.entry.node;
        for arg in &node.args {
            let at = place(node.line, arg);
            match (&arg.value, Word::of(node.line, arg)) {
                (_, Some(word)) => self.word(&word)?,
                (Value::Choice(kind), None) => self.route.kind = RouteKind::of(kind)?,
                (value, None) => self.destination(value, at)?,
            }
        }
        let Some(destination) = self.destination else {
            let [arg] = node.args.as_slice() else {
                return self.entry.refuse(node.at(), "the route has no destination", "write to ADDR/LEN or default");
            };
            if matches!(arg.value, Value::Choice(_)) {
                let draft =
                    self.entry.ctx.report.error(Class::MissingParameter, node.at(), "the route has no destination");
                draft.help("write the destination after the type");
                return None;
            }
            return self.entry.refuse(node.at(), "the route has no destination", "write to ADDR/LEN or default");
        };
        let family = self.entry.family.unwrap_or(Family::V4);
        if let Some((needed, word, at)) = self.only.iter().find(|(needed, ..)| *needed != family) {
            let needed = needed.name();
            let text = format!("'{word}' is a word of {needed} routes only");
            return self.entry.refuse(*at, text, "remove it");
        }
        self.route.family = family;
        self.route.destination = destination.unwrap_or(everything(family));
        if family == Family::V6 {
            // The kernel does the same.
            self.route.destination = network(self.route.destination);
            self.route.from = self.route.from.map(network);
        }
        self.protocol();
        self.route.track_group = {
            let needs = self.route.device.is_none().then_some("dev");
            self.entry.track_group(self.group, needs)
        };
        self.hops()?;
        self.scope();
        self.doubts();
        self.route.metrics.sort_by_key(|metric| metric.kind);
        Some(self.route)
    }

    fn destination(&mut self, value: &Value, at: At) -> Option<()> {
        let destination = self.entry.prefix(value, at)?;
        if self.destination.replace(destination).is_some() {
            let draft = self.entry.ctx.adjusted(at, "a second destination: this one counts, the first is ignored");
            draft.help("remove one of them");
        }
        Some(())
    }

    fn word(&mut self, word: &Word<'e>) -> Option<()> {
        let route = &mut self.route;
        match word.name {
            "to" => {
                match word.before() {
                    Some("inet") => self.entry.of_family(Family::V4, word.at)?,
                    Some("inet6") => self.entry.of_family(Family::V6, word.at)?,
                    _ => {}
                }
                self.destination(word.value()?, word.at)?;
            }
            "inet" => self.entry.of_family(Family::V4, word.at)?,
            "inet6" => self.entry.of_family(Family::V6, word.at)?,
            "src" => route.source = Some(self.entry.address(word)?),
            "via" => route.via = Some(self.entry.address(word)?),
            "nexthop via" => self.more.push(self.entry.address(word)?),
            "nexthop" => {
                let hop = self.hop(word)?;
                self.route.hops.push(hop);
            }
            "from" => {
                route.from = self.entry.prefix(word.value()?, word.at)?;
                self.only.push((Family::V6, word.name, word.at));
            }
            "tos" => route.tos = self.entry.octet(NameKind::DsField, word)?,
            "table" => {
                let table = self.entry.number(NameKind::Table, word)?;
                route.table = if table == 0 { TABLE_MAIN } else { table };
            }
            "vrf" => route.vrf = self.entry.device(word),
            "protocol" => {
                route.protocol = self.entry.octet(NameKind::Protocol, word)?;
                self.protocol_at = word.at;
            }
            "scope" => route.scope = Some(self.entry.octet(NameKind::Scope, word)?),
            "metric" => route.metric = word.u32(),
            "dev" => route.device = self.entry.device(word),
            "onlink" => route.onlink = true,
            "encap" => route.encap = Some(encap::encap(&mut self.entry, word)?),
            "expires" => {
                route.expires = word.u32();
                self.only.push((Family::V6, word.name, word.at));
            }
            "realms" => {
                route.realms = Some(self.entry.realms(word)?);
                self.only.push((Family::V4, word.name, word.at));
            }
            "congctl" => {
                let name = word.text().to_owned();
                route.congestion_control = Some(CongestionControl { name, lock: word.before().is_some() });
            }
            "pref" => {
                route.preference = Some(match word.text() {
                    "low" => RoutePreference::Low,
                    "high" => RoutePreference::High,
                    _ => RoutePreference::Medium,
                });
                self.only.push((Family::V6, word.name, word.at));
            }
            "ttl-propagate" => route.ttl_propagate = Some(word.text() == "enabled"),
            "add" => route.placing = Placing::Add,
            "prepend" => route.placing = Placing::Prepend,
            "append" => route.placing = Placing::Append,
            "no_track" => route.no_track = true,
            "track_group" => self.group = Some((word.text(), word.at)),
            _ => {
                let metric = metric::metric(&mut self.entry, word)?;
                route.metrics.retain(|other| other.kind != metric.kind);
                route.metrics.push(metric);
            }
        }
        Some(())
    }

    fn hop(&mut self, nexthop: &Word<'e>) -> Option<NextHop> {
        let mut hop = NextHop { via: None, device: None, weight: None, onlink: false, encap: None, realms: None };
        for word in Word::all(self.entry.node.line, nexthop.args) {
            match word.name {
                "via" => hop.via = Some(self.entry.address(&word)?),
                "dev" => hop.device = self.entry.device(&word),
                "weight" => hop.weight = word.u32().and_then(|n| u16::try_from(n).ok()),
                "onlink" => hop.onlink = true,
                "encap" => hop.encap = Some(encap::encap(&mut self.entry, &word)?),
                "realms" => {
                    hop.realms = Some(self.entry.realms(&word)?);
                    self.only.push((Family::V4, word.name, word.at));
                }
                _ => {}
            }
        }
        Some(hop)
    }

    /// Only the daemon's own protocol tells its routes from those of others.
    fn protocol(&mut self) {
        if self.route.protocol != PROTOCOL_KEEPALIVED && !self.route.no_track {
            let text = format!("a route that is tracked has the protocol keepalived: {PROTOCOL_KEEPALIVED} is used");
            self.entry.ctx.mistake(self.protocol_at, text, "remove protocol, or add no_track");
            self.route.protocol = PROTOCOL_KEEPALIVED;
        }
    }

    /// Moves the next hop and the interface of a route with several next hops to these.
    fn hops(&mut self) -> Option<()> {
        let route = &mut self.route;
        if !self.more.is_empty() {
            let all = route.via.take().into_iter().chain(std::mem::take(&mut self.more));
            let hop = NextHop {
                via: None,
                device: None,
                weight: None,
                onlink: std::mem::take(&mut route.onlink),
                encap: route.encap.take(),
                realms: route.realms.take(),
            };
            route.hops.splice(0..0, all.map(|via| NextHop { via: Some(via), ..hop.clone() }));
        }
        if route.hops.is_empty() {
            return Some(());
        }
        if route.via.is_some() {
            let text = "the kernel refuses a route with both via and nexthop: the entry is ignored";
            self.entry.ctx.adjusted(self.entry.node.at(), text).help("write nexthop before each via");
            return None;
        }
        if let Some(device) = route.device.take() {
            for hop in &mut route.hops {
                hop.device.get_or_insert_with(|| device.clone());
            }
        }
        Some(())
    }

    /// The kernel refuses IPv4 routes of these types with a wider scope.
    fn scope(&mut self) {
        let route = &mut self.route;
        if route.family == Family::V4 && route.scope.is_none() {
            route.scope = match route.kind {
                RouteKind::Local => Some(HOST),
                RouteKind::Broadcast | RouteKind::Anycast => Some(LINK),
                _ => None,
            };
        }
    }

    /// Warns about a route that the kernel will refuse.
    fn doubts(&mut self) {
        let route = &self.route;
        let leads = |via: Option<IpAddr>, device: &Option<String>| via.is_some() || device.is_some();
        let nowhere = !leads(route.via, &route.device) && route.hops.is_empty()
            || route.hops.iter().any(|hop| !leads(hop.via, &hop.device));
        let discards = matches!(
            route.kind,
            RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw
        );
        let (text, help) = if matches!(route.kind, RouteKind::Nat | RouteKind::Xresolve) {
            (format!("the kernel refuses routes of the type {}", route.kind.word()), "remove the route".to_owned())
        } else if nowhere && !discards {
            ("the route leads nowhere: the kernel refuses it".to_owned(), "add via ADDR or dev IFNAME".to_owned())
        } else if discards && route.family == Family::V4 && (leads(route.via, &route.device) || !route.hops.is_empty())
        {
            (
                format!("the kernel refuses a {} route with a next hop", route.kind.word()),
                "remove via, dev and nexthop".to_owned(),
            )
        } else if network(route.destination) != route.destination {
            let (ip, len) = network(route.destination);
            (
                "the address has bits after its prefix: the kernel refuses the route".to_owned(),
                format!("write {ip}/{len}"),
            )
        } else {
            return;
        };
        self.entry.ctx.adjusted(self.entry.node.at(), text).help(help);
    }
}
