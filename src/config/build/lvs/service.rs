//! `virtual_server`.

use std::net::{IpAddr, SocketAddr};

use super::super::super::diag::Class;
use super::super::super::lvs::{Endpoint, Method, Protocol, RealServer, Scheduler, VirtualServer};
use super::super::super::model::Family;
use super::super::super::node::Node;
use super::super::super::report::Draft;
use super::super::super::tree::FoldedServers;
use super::super::context::Ctx;
use super::super::script;
use super::around::{Around, Seen, owned};
use super::server::{Ports, Service};
use super::target::Times;
use super::{group, method};

/// Persistence time without a value, in seconds.
const PERSISTENCE: u32 = 360;

pub(super) fn build(
    mut all: FoldedServers<'_>,
    around: &Around<'_>,
    ctx: &mut Ctx<'_, '_>,
    mut take: impl FnMut(VirtualServer),
) {
    let mut seen = Seen::new();
    while let Some(node) = all.next(ctx.report) {
        if node.bad {
            continue;
        }
        let Some(service) = (Maker { node: &node, around, ctx }).make() else { continue };
        let key = (format!("{:?}", service.endpoint), service.protocol);
        match seen.earlier(key, node.at_arg(0)) {
            None => take(service),
            Some(first) => {
                let warning = ctx.adjusted(node.at_arg(0), "this virtual server is defined already: it is ignored");
                warning.also(first, "first defined here");
            }
        }
    }
}

/// Builds one virtual server.
pub(super) struct Maker<'m, 'c, 'f> {
    pub(super) node: &'m Node<'m>,
    pub(super) around: &'m Around<'m>,
    pub(super) ctx: &'m mut Ctx<'c, 'f>,
}

impl<'m> Maker<'m, '_, '_> {
    fn make(mut self) -> Option<VirtualServer> {
        let node = self.node;
        let mut endpoint = self.endpoint()?;
        let (scheduler, scheduler_flags) = self.scheduler();
        let method = match method::method(node, "lb_kind", self.ctx) {
            Some(method) => method,
            None => {
                self.default("lb_kind", "NAT");
                Method::Nat
            }
        };
        let protocol = self.protocol(&endpoint);
        let service = Service {
            ports: self.ports(&endpoint),
            method,
            times: Times::of(node),
            weight: node.last("weight").and_then(|n| n.u32(0)).unwrap_or(1),
            alpha: node.has("alpha"),
            inhibit: node.has("inhibit_on_failure"),
            virtual_host: owned(node, "virtualhost"),
        };
        let mut servers = self.servers(&service);
        let mut sorry_server = self.sorry(&service);
        if servers.is_empty() && sorry_server.is_none() {
            let text = "this virtual server has no real server and no sorry server: it is ignored";
            self.ctx.mistake(node.at(), text, "add a real_server block");
            return None;
        }
        let family = self.family(&mut endpoint, &servers, sorry_server.as_ref());
        self.one_family(family, &mut servers, &mut sorry_server);
        if servers.is_empty() && sorry_server.is_none() {
            return None;
        }
        let real_servers: Vec<RealServer> = servers.into_iter().map(|(_, server)| server).collect();
        self.align(sorry_server.as_mut(), &real_servers);
        let granularity = self.granularity(family);
        let (quorum, hysteresis) = self.quorum(&real_servers);
        let mut get = |name: &str| node.first(name, self.ctx).and_then(|n| script::script(n, self.ctx));
        let (quorum_up, quorum_down) = (get("quorum_up"), get("quorum_down"));
        Some(VirtualServer {
            protocol,
            scheduler,
            scheduler_flags,
            // An internal flag of the kernel, which refuses services that have it.
            hashed: false,
            one_packet: self.one_packet(protocol),
            method,
            persistence: self.persistence(&endpoint, granularity),
            granularity,
            persistence_engine: self.engine(protocol),
            snmp_name: owned(node, "snmp_name"),
            timing: service.times.timing(),
            weight: service.weight,
            alpha: service.alpha,
            omega: node.has("omega"),
            ha_suspend: self.ha_suspend(&endpoint),
            quorum,
            hysteresis,
            quorum_up,
            quorum_down,
            inhibit: service.inhibit,
            smtp_alert: node.flag("smtp_alert").or(self.around.smtp_alert).unwrap_or(false),
            virtual_host: service.virtual_host,
            sorry_server,
            real_servers,
            endpoint,
        })
    }

    /// Reports a missing keyword and its default; an invalid one was reported before.
    fn default(&mut self, keyword: &str, used: &str) {
        if !self.node.children.iter().any(|n| n.keyword.name == keyword) {
            let text = format!("this virtual server has no {keyword}: {used} is used");
            self.ctx.mistake(self.node.at(), text, format!("write {keyword} {used}"));
        }
    }

    /// Reports a fault at a keyword that is dropped.
    pub(super) fn drop(&mut self, keyword: &str, text: impl Into<String>, remedy: &str) {
        let at = self.node.last(keyword).map_or_else(|| self.node.at(), Node::at);
        self.ctx.mistake(at, text, remedy);
    }

    /// Warns at a keyword whose value is adjusted.
    pub(super) fn adjust(&mut self, keyword: &str, text: impl Into<String>) -> &mut Draft {
        let at = self.node.last(keyword).map_or_else(|| self.node.at(), Node::at);
        self.ctx.adjusted(at, text)
    }

    fn endpoint(&mut self) -> Option<Endpoint> {
        let node = self.node;
        let written = node.text(1);
        let number = |high: u32| written.and_then(|text| text.parse::<u32>().ok()).filter(|n| *n <= high);
        match (node.text(0)?, written) {
            (kind @ ("fwmark" | "group"), None) => {
                let draft = self.ctx.report.error(
                    Class::MissingParameter,
                    node.at_arg(0),
                    format!("virtual_server {kind} has no value"),
                );
                draft.help("write: virtual_server fwmark N, or virtual_server group NAME");
                None
            }
            ("fwmark", Some(text)) => match number(u32::MAX).filter(|mark| *mark > 0) {
                Some(mark) => Some(Endpoint::FwMark(mark, Family::V4)),
                None => {
                    let text = format!("'{text}' is not a firewall mark: this virtual server is ignored");
                    self.ctx.mistake(node.at_arg(1), text, "write a number from 1 to 4294967295");
                    None
                }
            },
            ("group", Some(name)) => match self.around.groups.get(name) {
                None => {
                    let known = self.around.groups.names();
                    self.ctx.unknown(node.at_arg(1), "virtual_server_group", name, "this virtual server", known);
                    None
                }
                Some(group) if group.entries.is_empty() => {
                    let text = format!("the group '{name}' has no entries: this virtual server is ignored");
                    self.ctx.mistake(node.at_arg(1), text, "add an address to the group");
                    None
                }
                Some(_) => Some(Endpoint::Group(name.to_owned())),
            },
            (address, written) => {
                let ip: IpAddr = address.parse().ok()?;
                let port = match written {
                    None => Some(0),
                    Some(_) => number(65_535).and_then(|port| u16::try_from(port).ok()),
                };
                if port.is_none() {
                    let text =
                        format!("'{}' is not a port: this virtual server is ignored", written.unwrap_or_default());
                    self.ctx.mistake(node.at_arg(1), text, "write a number from 1 to 65535, or 0 for any port");
                }
                Some(Endpoint::Address(SocketAddr::new(ip, port?)))
            }
        }
    }

    /// The scheduler and its flags; named flags count only after their scheduler.
    fn scheduler(&mut self) -> (Scheduler, [bool; 3]) {
        let (mut scheduler, mut flags) = (None, [false; 3]);
        for child in self.node.children.iter().filter(|n| !n.bad) {
            let name = child.keyword.name;
            if name == "lb_algo" {
                scheduler = child.text(0).and_then(known);
                continue;
            }
            let [first, second, third] = &mut flags;
            let (flag, of) = match name {
                "flag-1" => (first, None),
                "flag-2" => (second, None),
                "flag-3" => (third, None),
                "sh-fallback" => (first, Some(Scheduler::Sh)),
                "sh-port" => (second, Some(Scheduler::Sh)),
                "mh-fallback" => (first, Some(Scheduler::Mh)),
                "mh-port" => (second, Some(Scheduler::Mh)),
                _ => continue,
            };
            match of {
                Some(of) if scheduler != Some(of) => {
                    let text = format!("'{name}' has no effect except after lb_algo {}: it is ignored", of.name());
                    self.ctx.mistake(child.at(), text, "write it after lb_algo, or remove it");
                }
                _ => *flag = true,
            }
        }
        if scheduler.is_none() {
            self.default("lb_algo", "wlc");
        }
        (scheduler.unwrap_or(Scheduler::Wlc), flags)
    }

    fn protocol(&mut self, endpoint: &Endpoint) -> Option<Protocol> {
        let only_marks = match endpoint {
            Endpoint::Address(_) => false,
            Endpoint::FwMark(..) => true,
            Endpoint::Group(name) => {
                self.around.groups.get(name).is_some_and(|g| g.entries.iter().all(|e| group::port(e).is_none()))
            }
        };
        let written = self.node.last("protocol").and_then(|n| n.text(0));
        if only_marks {
            if written.is_some() {
                self.adjust("protocol", "a firewall mark has no protocol: it is ignored").help("remove it");
            }
            return None;
        }
        Some(match written {
            Some("TCP") => Protocol::Tcp,
            Some("SCTP") => Protocol::Sctp,
            Some(_) => Protocol::Udp,
            None => {
                self.default("protocol", "UDP");
                Protocol::Udp
            }
        })
    }

    fn ports(&self, endpoint: &Endpoint) -> Ports {
        match endpoint {
            Endpoint::Address(address) => Ports::One(address.port()),
            Endpoint::FwMark(..) => Ports::None,
            Endpoint::Group(name) => {
                let entries = self.around.groups.get(name).map_or(&[][..], |group| &group.entries);
                let mut ports = entries.iter().filter_map(group::port);
                match ports.next() {
                    None => Ports::None,
                    Some(first) if ports.all(|port| port == first) => Ports::One(first),
                    Some(_) => Ports::OfEntries,
                }
            }
        }
    }

    fn one_packet(&mut self, protocol: Option<Protocol>) -> bool {
        let wanted = self.node.has("ops");
        if wanted && protocol.is_some_and(|protocol| protocol != Protocol::Udp) {
            self.drop(
                "ops",
                "one-packet scheduling is for UDP only: 'ops' is ignored",
                "remove it, or write protocol UDP",
            );
            return false;
        }
        wanted
    }

    fn persistence(&mut self, endpoint: &Endpoint, granularity: Option<u8>) -> Option<u32> {
        let written = self.node.last("persistence_timeout").map(|n| n.u32(0).unwrap_or(PERSISTENCE));
        if written.is_some() || granularity.is_some() {
            return Some(written.unwrap_or(PERSISTENCE));
        }
        let any_port = match endpoint {
            Endpoint::Address(address) => address.port() == 0,
            Endpoint::FwMark(..) => false,
            Endpoint::Group(name) => {
                let group = self.around.groups.get(name);
                group.is_some_and(|group| group.entries.iter().any(|entry| group::port(entry) == Some(0)))
            }
        };
        any_port.then(|| {
            let text = format!("a service with any port must be persistent: persistence_timeout {PERSISTENCE} is used");
            self.ctx.adjusted(self.node.at_arg(0), text);
            PERSISTENCE
        })
    }

    /// `persistence_granularity` as prefix length; `None` = the whole address.
    fn granularity(&mut self, family: Family) -> Option<u8> {
        let node = self.node.last("persistence_granularity")?;
        let text = node.text(0)?;
        let most = if family == Family::V4 { 32 } else { 128 };
        let length = match text.parse() {
            Ok(IpAddr::V4(mask)) if family == Family::V4 => {
                let bits = u32::from(mask);
                u8::try_from(bits.leading_ones()).ok().filter(|_| bits.leading_ones() == bits.count_ones())
            }
            Ok(_) => None,
            Err(_) => text.parse().ok().filter(|length| (1..=most).contains(length)),
        };
        if length.is_none() {
            let help = match family {
                Family::V4 => "write an IPv4 netmask, such as 255.255.255.0",
                Family::V6 => "write a prefix length from 1 to 128",
            };
            let text = format!(
                "'{text}' is not a granularity for the family of this virtual server: whole addresses are used"
            );
            self.ctx.mistake(node.at_arg(0), text, help);
        }
        // The keyword makes the service persistent in any case.
        length.or(Some(most))
    }

    fn engine(&mut self, protocol: Option<Protocol>) -> Option<String> {
        let engine = owned(self.node, "persistence_engine")?;
        if engine == "sip" && protocol.is_some_and(|protocol| protocol != Protocol::Udp) {
            self.drop(
                "persistence_engine",
                "the engine sip is for UDP only: it is ignored",
                "remove it, or write protocol UDP",
            );
            return None;
        }
        Some(engine)
    }

    fn ha_suspend(&mut self, endpoint: &Endpoint) -> bool {
        let wanted = self.node.has("ha_suspend");
        let without_address = match endpoint {
            Endpoint::Address(_) => false,
            Endpoint::FwMark(..) => true,
            Endpoint::Group(_) => self.ports(endpoint) == Ports::None,
        };
        if wanted && without_address {
            let text = "a firewall mark has no address: 'ha_suspend' is ignored";
            self.drop("ha_suspend", text, "remove it");
        }
        wanted && !without_address
    }

    fn quorum(&mut self, servers: &[RealServer]) -> (u32, u32) {
        let number = |name: &str| self.node.last(name).and_then(|n| n.u32(0));
        let (mut quorum, mut hysteresis) = (number("quorum").unwrap_or(1), number("hysteresis").unwrap_or(0));
        let total = servers.iter().fold(0u32, |sum, server| sum.saturating_add(server.weight)).max(1);
        if quorum > total && !servers.is_empty() {
            self.adjust(
                "quorum",
                format!("quorum {quorum} is above the total weight of the real servers: {total} is used"),
            );
            quorum = total;
        }
        if hysteresis >= quorum {
            let used = quorum.saturating_sub(1);
            self.adjust(
                "hysteresis",
                format!("hysteresis {hysteresis} is not below the quorum {quorum}: {used} is used"),
            );
            hysteresis = used;
        }
        (quorum, hysteresis)
    }
}

fn known(name: &str) -> Option<Scheduler> {
    use Scheduler::{Dh, Fo, Lblc, Lblcr, Lc, Mh, Nq, Ovf, Rr, Sed, Sh, Twos, Wlc, Wrr};
    [Rr, Wrr, Lc, Wlc, Lblc, Lblcr, Dh, Sh, Sed, Nq, Fo, Ovf, Mh, Twos].into_iter().find(|s| s.name() == name)
}
