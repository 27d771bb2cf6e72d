//! BFD sessions.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `bfd_instance NAME { }`: one session. Each neighbor has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdInstance {
    /// Name of the block, at most 31 characters.
    pub name: String,
    /// `neighbor_ip`.
    pub neighbor: IpAddr,
    /// `source_ip`, of the family of the neighbor; `None` = chosen by the kernel.
    pub source: Option<IpAddr>,
    /// `min_rx`, 1 ms..=4294.967 s: shortest interval of received packets (bfd.RequiredMinRxInterval, RFC 5880).
    pub min_rx: Duration,
    /// `min_tx`, 1 ms..=4294.967 s: shortest interval of sent packets (bfd.DesiredMinTxInterval).
    pub min_tx: Duration,
    /// `idle_tx`, 1 s..=4294.967 s: interval of sent packets while the session is not up.
    pub idle_tx: Duration,
    /// `multiplier`, from 1: the neighbor declares the session down after this number of our packets is missing.
    pub multiplier: u8,
    /// `passive`: no packet is sent before the first of the neighbor.
    pub passive: bool,
    /// `ttl` or `hoplimit` of sent packets, from 1.
    pub ttl: u8,
    /// `max_hops`: routers that a received packet may have crossed, at most `ttl`; `None` = not checked.
    pub max_hops: Option<u8>,
    /// `multihop`: UDP port 4784 (RFC 5883) instead of 3784 (RFC 5881).
    pub multihop: bool,
    /// `weight`, -253..=253: default of track entries.
    pub weight: i16,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// `vrrp`: the state is reported to the VRRP process.
    pub to_vrrp: bool,
    /// `checker`: the state is reported to the checker process.
    pub to_checker: bool,
}

impl BfdInstance {
    /// Lowest TTL or hop limit of a received packet; 0 = any.
    pub fn least_ttl(&self) -> u8 {
        self.max_hops.map_or(0, |hops| self.ttl.saturating_sub(hops))
    }
}
