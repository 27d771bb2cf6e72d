//! Held resources: addresses, routes, rules, VMACs, ipvlans and firewall tables that this process has set in the kernel. A later process
//! can remove them even if its configuration no longer has them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::address::Address;
use crate::config::model;
use crate::state::Record;

/// Held resources: all addresses, routes, rules, VMACs, ipvlans and firewall tables that a process has set in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub(super) vmacs: Vec<HeldVmac>,
    /// Absent in files of releases without ipvlans.
    #[serde(default)]
    pub(super) ipvlans: Vec<HeldIpvlan>,
    pub(super) addresses: Vec<HeldAddress>,
    /// Absent in files of releases without routes.
    #[serde(default)]
    pub(super) routes: Vec<model::Route>,
    #[serde(default)]
    pub(super) rules: Vec<model::Rule>,
    /// Firewall tables: family and name. Absent in files of releases without a firewall.
    #[serde(default)]
    pub(super) firewall: Vec<(model::Family, String)>,
}

/// A VMAC that this daemon has created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldVmac {
    pub(super) name: String,
    pub(super) mac: [u8; 6],
}

/// An ipvlan that this daemon has created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldIpvlan {
    pub(super) name: String,
    /// Name of the lower interface.
    pub(super) base: String,
}

/// An address that this daemon has set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldAddress {
    pub(super) device: String,
    pub(super) ip: IpAddr,
    pub(super) prefix: u8,
    /// Peer address and its prefix length.
    pub(super) peer: Option<(IpAddr, u8)>,
}

impl Record for Held {
    const NAME: &'static str = "addresses and VMACs held";
    const VERSION: u32 = 1;
}

/// The word of nft for the tables of a family.
pub fn nft_word(family: model::Family) -> &'static str {
    match family {
        model::Family::V4 => "ip",
        model::Family::V6 => "ip6",
    }
}

impl Held {
    /// Whether these include the address of a row on this interface.
    pub(super) fn has_address(&self, interface: &str, row: &Address) -> bool {
        let config = &row.config;
        self.addresses.iter().any(|held| {
            (held.device.as_str(), held.ip, held.prefix, held.peer)
                == (interface, config.ip, config.prefix, config.peer)
        })
    }

    /// Whether these include a route.
    pub(super) fn has_route(&self, route: &model::Route) -> bool {
        self.routes.contains(route)
    }

    /// Whether these include a rule.
    pub(super) fn has_rule(&self, rule: &model::Rule) -> bool {
        self.rules.contains(rule)
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        *self == Held::default()
    }

    /// Describes each resource in words.
    pub fn list(&self) -> Vec<String> {
        let vmacs = self.vmacs.iter().map(|vmac| format!("VMAC {}", vmac.name));
        let ipvlans = self.ipvlans.iter().map(|ipvlan| format!("ipvlan {}", ipvlan.name));
        let addresses = self.addresses.iter().map(|held| {
            let peer = held.peer.map_or(String::new(), |(peer, length)| format!(" peer {peer}/{length}"));
            format!("address {}/{}{peer} on {}", held.ip, held.prefix, held.device)
        });
        let routes = self.routes.iter().map(|route| format!("route {}", route.brief()));
        let rules = self.rules.iter().map(|rule| format!("rule {}", rule.brief()));
        let firewall =
            self.firewall.iter().map(|(family, name)| format!("nftables table {} {name}", nft_word(*family)));
        vmacs.chain(ipvlans).chain(addresses).chain(routes).chain(rules).chain(firewall).collect()
    }
}
