//! IPVS services: their names in messages, and the services of a virtual server.

use std::net::SocketAddr;

use crate::check::{self, Check, VirtualServerId};
use crate::config::model::Family;
use crate::kernel::ipvs::ServiceKey;

/// Name of a service in messages.
pub(super) fn name(key: &ServiceKey) -> String {
    match key {
        ServiceKey::Address { protocol, ip, port } => {
            let protocol = match protocol {
                6 => "TCP",
                17 => "UDP",
                _ => "SCTP",
            };
            format!("{} {protocol}", SocketAddr::new(*ip, *port))
        }
        ServiceKey::FwMark { mark, family: Family::V4 } => format!("fwmark {mark}"),
        ServiceKey::FwMark { mark, family: Family::V6 } => format!("fwmark {mark} of IPv6"),
    }
}

/// The services of a virtual server.
pub(super) fn service_keys(check: &Check, id: VirtualServerId) -> impl Iterator<Item = ServiceKey> {
    check::services(check.tables(), id).into_iter().map(|service| service.key.into())
}
