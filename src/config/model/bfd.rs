//! BFD sessions.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `bfd_instance NAME { }`: one session. Each session has a neighbour of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdInstance {
    /// Name of the block, at most 31 characters.
    pub name: String,
    /// `neighbor_ip`: the other end.
    pub neighbor: IpAddr,
    /// `source_ip`, of the neighbour's family; without it the kernel chooses.
    pub source: Option<IpAddr>,
    /// `min_rx`, 1 ms..=4294.967 s: the shortest interval at which packets are taken.
    pub min_rx: Duration,
    /// `min_tx`, 1 ms..=4294.967 s: the shortest interval at which packets are sent.
    pub min_tx: Duration,
    /// `idle_tx`, 1 s..=4294.967 s: the same while the session is not up.
    pub idle_tx: Duration,
    /// `multiplier`, from 1: the other end is down after so many packets of this end are missing.
    pub multiplier: u8,
    /// `passive`: nothing is sent before the other end is heard.
    pub passive: bool,
    /// `ttl` or `hoplimit` of sent packets, from 1.
    pub ttl: u8,
    /// `max_hops` that a received packet may have crossed, at most `ttl`; `None` = not checked.
    pub max_hops: Option<u8>,
    /// `multihop`: UDP port 4784 (RFC 5883) instead of 3784 (RFC 5881).
    pub multihop: bool,
    /// `weight`, -253..=253, for trackers without one of their own.
    pub weight: i16,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// `vrrp`: the VRRP process is told whether the session is up.
    pub to_vrrp: bool,
    /// `checker`: the checker process is told.
    pub to_checker: bool,
}

impl BfdInstance {
    /// The least TTL or hop limit that a received packet needs; 0 = any.
    pub fn least_ttl(&self) -> u8 {
        self.max_hops.map_or(0, |hops| self.ttl.saturating_sub(hops))
    }
}
