//! Names of services and servers, as the log and SNMP show them.

use std::net::SocketAddr;

use super::rows::VirtualServer;
use crate::config::lvs::{Endpoint, Protocol};

impl VirtualServer {
    /// `[ADDR]:tcp:PORT`, `FWM N` or `[GROUP]:0`.
    pub fn words(&self) -> String {
        match &self.config.endpoint {
            Endpoint::Address(address) => endpoint(*address, self.config.protocol),
            Endpoint::FwMark(mark, _) => format!("FWM {mark}"),
            Endpoint::Group(name) => format!("[{name}]:0"),
        }
    }
}

/// `[ADDR]:tcp:PORT`.
pub fn endpoint(address: SocketAddr, protocol: Option<Protocol>) -> String {
    let word = match protocol {
        Some(Protocol::Tcp) => "tcp",
        Some(Protocol::Udp) => "udp",
        Some(Protocol::Sctp) => "sctp",
        None => "none",
    };
    format!("[{}]:{word}:{}", address.ip(), address.port())
}
