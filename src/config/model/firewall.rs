//! Settings of the firewall tables of the VRRP process.

use serde::{Deserialize, Serialize};

/// `nftables` and related keywords of `global_defs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// `nftables`: the name of the tables, at most 255 octets; default `keepalived`.
    pub table: String,
    /// `nftables_priority`: priority of the base chains, relative to that of filters; default -1.
    pub priority: i32,
    /// `nftables_ifindex`: sets contain indices of interfaces where they would contain names.
    pub by_index: bool,
    /// `nftables_counters`: rules count packets.
    pub counters: bool,
    /// A firewall keyword is configured. Otherwise nftables is used without being asked for.
    pub configured: bool,
    /// `disable_local_igmp`: the host reports no membership in link-local IPv4 groups, so that IGMP needs no rules.
    pub disable_local_igmp: bool,
}

impl Default for Firewall {
    fn default() -> Firewall {
        Firewall {
            table: "keepalived".to_owned(),
            priority: -1,
            by_index: false,
            counters: false,
            configured: false,
            disable_local_igmp: false,
        }
    }
}

/// `nftables_ipvs` and related keywords of `global_defs`: one generated firewall mark for each virtual server with a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpvsMarks {
    /// `nftables_ipvs`: the name of the tables, at most 255 octets; default `keepalived_ipvs`.
    pub table: String,
    /// `nftables_ipvs_priority`: priority of the base chain, relative to that of filters; default -1.
    pub priority: i32,
    /// `nftables_ipvs_start_fwmark`: the first mark; default 1000.
    pub first: u32,
    /// `nftables_counters`: rules and elements count packets.
    pub counters: bool,
}
