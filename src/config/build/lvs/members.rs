//! The servers of a `virtual_server`: real servers and sorry server, and the family that they and the service have.

use std::net::SocketAddr;

use super::super::super::diag::Class;
use super::super::super::lvs::{Endpoint, Method, RealServer, SorryServer};
use super::super::super::model::Family;
use super::super::super::node::Node;
use super::around::Seen;
use super::server::{self, Service};
use super::service::Maker;
use super::{group, method};

impl<'m> Maker<'m, '_, '_> {
    /// The real servers, each address once, with their lines.
    pub(super) fn servers(&mut self, service: &Service) -> Vec<(&'m Node<'m>, RealServer)> {
        let mut seen = Seen::new();
        let mut servers = Vec::new();
        let node = self.node;
        for child in node.children.iter().filter(|n| n.keyword.name == "real_server" && !n.bad) {
            let Some(server) = server::build(child, service, self.around, self.ctx) else { continue };
            match seen.earlier(server.address, child.at_arg(0)) {
                None => servers.push((child, server)),
                Some(first) => {
                    let text = format!("the real server {} is defined already: it is ignored", server.address);
                    let draft = self.ctx.report.fault(Class::General, child.at_arg(0), text);
                    draft.also(first, "first defined here").help("remove one of them");
                }
            }
        }
        servers
    }

    /// The sorry server.
    pub(super) fn sorry(&mut self, service: &Service) -> Option<SorryServer> {
        let node = self.node.last("sorry_server");
        let own = method::method(self.node, "sorry_server_lvs_method", self.ctx);
        let inhibit = self.node.has("sorry_server_inhibit");
        let Some(node) = node else {
            for keyword in ["sorry_server_inhibit", "sorry_server_lvs_method"] {
                if self.node.has(keyword) {
                    let text = format!("there is no sorry_server: '{keyword}' is ignored");
                    self.drop(keyword, text, "add sorry_server ADDR PORT, or remove it");
                }
            }
            return None;
        };
        let ip = node.ip(0)?;
        let method = own.unwrap_or(service.method);
        let (port, _) = server::port(node, ip, service, method, self.ctx);
        Some(SorryServer { address: SocketAddr::new(ip, port), method, inhibit })
    }

    /// Family of the service. For a firewall mark it is set in `endpoint`: `ip_family`, or the family of its servers without a
    /// tunnel.
    pub(super) fn family(
        &mut self,
        endpoint: &mut Endpoint,
        servers: &[(&Node<'_>, RealServer)],
        sorry: Option<&SorryServer>,
    ) -> Family {
        let real = servers.iter().map(|(_, server)| (server.address, server.method));
        let all: Vec<_> = real.chain(sorry.map(|sorry| (sorry.address, sorry.method))).collect();
        let plain = all.iter().find(|(_, method)| !matches!(method, Method::Tun(_)));
        let of_servers = plain.map(|(address, _)| Family::of(address.ip()));
        let written = self.node.last("ip_family").and_then(|n| n.text(0));
        let written = written.map(|word| if word == "inet6" { Family::V6 } else { Family::V4 });
        let family = match endpoint {
            Endpoint::Address(address) => Family::of(address.ip()),
            Endpoint::FwMark(_, family) => {
                *family = written.or(of_servers).unwrap_or(Family::V4);
                *family
            }
            Endpoint::Group(name) => {
                let group = self.around.groups.get(name);
                let of_entries = group.and_then(|group| group.entries.iter().find_map(group::family));
                let first = all.first().map(|(address, _)| Family::of(address.ip()));
                of_entries.or(of_servers).or(first).unwrap_or(Family::V4)
            }
        };
        if written.is_some_and(|written| written != family) {
            self.drop("ip_family", "ip_family is not the family of the addresses: it is ignored", "remove it");
        }
        family
    }

    /// Removes servers of the other family, which only tunnels can reach.
    pub(super) fn one_family(
        &mut self,
        family: Family,
        servers: &mut Vec<(&Node<'_>, RealServer)>,
        sorry: &mut Option<SorryServer>,
    ) {
        let mut reached = |node: &Node<'_>, address: SocketAddr, method: Method| {
            let reached = Family::of(address.ip()) == family || matches!(method, Method::Tun(_));
            if !reached {
                let text = format!("{} is not of the family of its virtual server: it is left out", address.ip());
                self.ctx.mistake(node.at_arg(0), text, "use one family, or reach the server by lvs_method TUN");
            }
            reached
        };
        servers.retain(|(node, server)| reached(node, server.address, server.method));
        if let Some(node) = self.node.last("sorry_server") {
            sorry.take_if(|sorry| !reached(node, sorry.address, sorry.method));
        }
    }

    /// Gives a sorry server that is a real server too the same inhibit setting.
    pub(super) fn align(&mut self, sorry: Option<&mut SorryServer>, servers: &[RealServer]) {
        let Some(sorry) = sorry else { return };
        let same = servers.iter().find(|server| server.address == sorry.address);
        if let Some(server) = same.filter(|server| server.inhibit != sorry.inhibit) {
            sorry.inhibit = server.inhibit;
            let used = if server.inhibit { "on" } else { "off" };
            let text = format!(
                "{} is a real server too: sorry_server_inhibit is {used}, like its inhibit_on_failure",
                server.address
            );
            self.adjust("sorry_server", text);
        }
    }
}
