//! Policy rules: entries of `static_rules` and `virtual_rules`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::address::Family;
use super::route::PROTOCOL_KEEPALIVED;

/// One line of `static_rules` or `virtual_rules`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Family of the addresses, or `inet` / `inet6`.
    pub family: Family,
    /// What happens to the packets.
    pub action: RuleAction,
    /// `preference`; C keepalived counts down from 16384 for rules without one.
    pub preference: u32,
    /// `not`: it applies to the packets that do not match.
    pub invert: bool,
    /// `from`: network and prefix length.
    pub from: Option<(IpAddr, u8)>,
    /// `to`: network and prefix length.
    pub to: Option<(IpAddr, u8)>,
    /// `iif` / `dev`.
    pub iif: Option<String>,
    /// `oif`.
    pub oif: Option<String>,
    /// `tos`.
    pub tos: u8,
    /// `fwmark`: the mark and the mask, if one is given.
    pub mark: Option<(u32, Option<u32>)>,
    /// `realms`: the source realm in the upper and the destination realm in the lower 16 bits.
    pub realms: Option<u32>,
    /// `suppress_prefixlength`.
    pub suppress_prefix: Option<u8>,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<u32>,
    /// `tunnel-id`.
    pub tunnel_id: Option<u64>,
    /// `uidrange`: first and last user.
    pub users: Option<(u32, u32)>,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport`: first and last port.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`: first and last port.
    pub destination_ports: Option<(u16, u16)>,
    /// `protocol`; default [`PROTOCOL_KEEPALIVED`].
    pub protocol: u8,
    /// `no_track`.
    pub no_track: bool,
    /// `track_group` (static rules only).
    pub track_group: Option<String>,
}

impl Rule {
    /// A rule for all packets of a family.
    pub fn plain(family: Family, preference: u32, action: RuleAction) -> Rule {
        Rule {
            family,
            action,
            preference,
            invert: false,
            from: None,
            to: None,
            iif: None,
            oif: None,
            tos: 0,
            mark: None,
            realms: None,
            suppress_prefix: None,
            suppress_group: None,
            tunnel_id: None,
            users: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            protocol: PROTOCOL_KEEPALIVED,
            no_track: false,
            track_group: None,
        }
    }
}

/// Action of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RuleAction {
    /// `table` / `lookup`: the table.
    Table(u32),
    /// `l3mdev`: the table of the packet's VRF.
    L3Mdev,
    /// `goto`: continue with the rule of this preference.
    Goto(u32),
    /// `nop`.
    Nop,
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
}

impl RuleAction {
    /// The kernel's number (`FR_ACT_*`).
    pub fn number(self) -> u8 {
        match self {
            RuleAction::Table(_) | RuleAction::L3Mdev => 1,
            RuleAction::Goto(_) => 2,
            RuleAction::Nop => 3,
            RuleAction::Blackhole => 6,
            RuleAction::Unreachable => 7,
            RuleAction::Prohibit => 8,
        }
    }
}

impl Rule {
    /// Preference and selectors, for messages.
    pub fn brief(&self) -> String {
        let network = |word: &str, network: Option<(IpAddr, u8)>| {
            network.map_or(String::new(), |(ip, length)| format!(" {word} {ip}/{length}"))
        };
        format!("of preference {}{}{}", self.preference, network("from", self.from), network("to", self.to))
    }
}
