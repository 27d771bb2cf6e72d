//! `unicast_peer` of a `vrrp_instance`, and the related keywords.

use std::net::IpAddr;

use super::super::model::{Family, OldChecksum, Unicast, UnicastPeer};
use super::super::node::Node;
use super::super::value::{Arg, Value};
use super::context::options;
use super::instance::Maker;

/// Keywords without effect when there are no peers.
const OF_UNICAST: [&str; 4] = ["unicast_src_ip", "unicast_ttl", "check_unicast_src", "old_unicast_checksum"];

impl Maker<'_, '_, '_> {
    /// The unicast settings; `None` for an instance that uses multicast.
    pub(super) fn unicast(&mut self, family: Family, strict: bool) -> Option<Unicast> {
        if let Some(peers) = self.node.last("unicast_peer").filter(|n| strict && !n.children.is_empty()) {
            let text = "unicast_peer is not allowed in strict mode: the instance is not started";
            self.ctx.mistake(peers.at(), text, "remove it, or write strict_mode off");
        }
        let peers = self.peers(family);
        if peers.is_empty() && !self.node.has("unicast_fault_no_peer") {
            let said = OF_UNICAST.into_iter().chain(["unicast_peer"]).find(|keyword| self.node.has(keyword));
            let list_was_wrong = self.node.all("unicast_peer").any(|list| !list.children.is_empty());
            if let Some(keyword) = said.filter(|_| !list_was_wrong) {
                let at = self.node.last(keyword).map_or_else(|| self.node.at_arg(0), Node::at);
                let text = "there is no unicast_peer: adverts are multicast";
                self.ctx.adjusted(at, text).help("add unicast_peer { ADDR ... }, or remove the unicast keywords");
            }
            return None;
        }
        let limited = peers.iter().any(|peer| peer.min_ttl > 0 || peer.max_ttl < u8::MAX);
        let check = self.node.flag("check_unicast_src").unwrap_or(self.defaults.check_unicast_src);
        let ttl = self.node.last("unicast_ttl").and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok());
        let old_checksum = match self.node.last("old_unicast_checksum") {
            None => OldChecksum::WhenHeard,
            Some(node) if node.text(0) == Some("never") => OldChecksum::Never,
            Some(_) => OldChecksum::Always,
        };
        Some(Unicast { peers, check_source: check || limited, ttl: ttl.unwrap_or(u8::MAX), old_checksum })
    }

    /// Whether it lists peers.
    pub(super) fn has_peers(&self) -> bool {
        self.node.all("unicast_peer").any(|list| list.children.iter().any(|peer| !peer.bad))
    }

    /// Whether an instance without an interface can be started: it needs to be told its source address.
    pub(super) fn may_be_unbound(&mut self, source: Option<IpAddr>) -> bool {
        let peers = self.has_peers();
        if peers && source.is_none() {
            let text =
                format!("vrrp_instance '{}' has neither interface nor unicast_src_ip: it is not started", self.name);
            self.ctx.mistake(self.node.at_arg(0), text, "write interface IFNAME, or unicast_src_ip ADDR");
        }
        peers && source.is_some()
    }

    /// `vrf`, without `interface` only.
    pub(super) fn vrf(&mut self, interface: &str) -> Option<String> {
        let node = self.node.last("vrf")?;
        if !interface.is_empty() {
            self.drop(
                "vrf",
                "vrf is for unicast instances without interface: it is ignored",
                "remove it, or interface",
            );
            return None;
        }
        let name = node.text(0)?.to_owned();
        self.ctx.interface(&name, node.at_arg(0), self.defaults.global.dynamic_interfaces);
        Some(name)
    }

    fn peers(&mut self, family: Family) -> Vec<UnicastPeer> {
        let mut peers: Vec<UnicastPeer> = Vec::new();
        let lists = self.node.children.iter().filter(|n| n.keyword.name == "unicast_peer" && !n.bad);
        for entry in lists.flat_map(|n| n.children.iter()).filter(|n| !n.bad) {
            let Some(ip) = entry.ip(0) else { continue };
            if !self.is_of_family("unicast_peer", ip, family, entry.at_arg(0)) {
                continue;
            }
            let (mut min_ttl, mut max_ttl) = (0, u8::MAX);
            for (option, args) in options(&entry.args) {
                match option {
                    "min_ttl" => min_ttl = ttl(args).unwrap_or(min_ttl),
                    _ => max_ttl = ttl(args).unwrap_or(max_ttl),
                }
            }
            if min_ttl > max_ttl {
                let text = format!("no TTL is at least {min_ttl} and at most {max_ttl}: the peer {ip} is ignored");
                self.ctx.mistake(entry.at(), text, "write a min_ttl that is not above max_ttl");
            } else if ip.is_multicast() || ip.is_unspecified() {
                let text = format!("unicast_peer {ip} is not the address of a host: it is ignored");
                self.ctx.mistake(entry.at_arg(0), text, "write the address of the peer");
            } else if peers.iter().any(|peer| peer.ip == ip) {
                self.ctx.adjusted(entry.at(), format!("{ip} is listed twice: the second is ignored")).help("remove it");
            } else {
                peers.push(UnicastPeer { ip, min_ttl, max_ttl });
            }
        }
        peers
    }
}

fn ttl(args: &[Arg]) -> Option<u8> {
    match args.first().map(|arg| &arg.value) {
        Some(Value::Uint(n)) => u8::try_from(*n).ok(),
        _ => None,
    }
}
