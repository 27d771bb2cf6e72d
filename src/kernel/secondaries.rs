//! Sparing the secondaries of an address that is removed.
//!
//! Linux removes an IPv4 address together with all later ones of its network, its secondaries, unless
//! `promote_secondaries` is set. A virtual address becomes such a primary when a network manager sets the main address of
//! the host anew; a failover must not take the main address along.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use super::address::{AddressRequest, Op, WantedAddr};
use super::request::AddressSocket;
use super::sysctl::{Changes, Tree};

/// `promote_secondaries` of the interfaces that need it, while a batch of removals is carried out.
pub(super) struct Spared {
    changes: Changes,
    /// Interfaces where it could not be set.
    failed: BTreeMap<String, String>,
}

impl Spared {
    /// Sets it where a request of the batch would take secondaries along.
    pub(super) fn begin(batch: &[AddressRequest]) -> Spared {
        let mut spared = Spared { changes: Changes::new(), failed: BTreeMap::new() };
        for secondaries in batch.iter().filter_map(|request| request.secondaries.as_ref()) {
            let interface = &secondaries.interface;
            match spared.changes.set(Tree::Ipv4, interface, "promote_secondaries", "1") {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    spared.failed.insert(interface.clone(), error.to_string());
                }
                _ => {}
            }
        }
        spared
    }

    /// Puts the settings back.
    pub(super) fn end(&mut self) {
        // What could be changed a moment ago can be changed back; an interface that went takes its settings along.
        let _ = self.changes.restore_all();
    }

    /// Sets again what a request took along because the setting could not be changed, and says so.
    pub(super) fn complaint(&self, request: &AddressRequest, socket: &mut AddressSocket) -> Option<String> {
        let secondaries = request.secondaries.as_ref()?;
        let error = self.failed.get(&secondaries.interface)?;
        let again = |(ip, prefix): &(IpAddr, u8)| AddressRequest {
            token: 0,
            op: Op::Add,
            address: WantedAddr {
                broadcast: broadcast(*ip, *prefix),
                protocol: None,
                ..WantedAddr::plain(request.address.ifindex, *ip, *prefix)
            },
            secondaries: None,
        };
        let batch: Vec<AddressRequest> = secondaries.addresses.iter().map(again).collect();
        let lost = socket.perform(&batch).iter().filter(|outcome| outcome.is_err()).count();
        Some(format!(
            "Removing {} from {} took {} other addresses along, because promote_secondaries cannot be set there \
             ({error}); {} of them are set again; set net.ipv4.conf.{}.promote_secondaries=1",
            request.address.ip,
            secondaries.interface,
            batch.len(),
            batch.len().saturating_sub(lost),
            secondaries.interface
        ))
    }
}

/// The usual broadcast address of a network.
fn broadcast(ip: IpAddr, prefix: u8) -> Option<IpAddr> {
    let IpAddr::V4(ip) = ip else { return None };
    let host = u32::MAX.checked_shr(prefix.into()).filter(|host| *host > 1)?;
    Some(Ipv4Addr::from(u32::from(ip) | host).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broadcast_address_of_a_network() {
        let of = |ip: &str, prefix| broadcast(ip.parse().unwrap(), prefix).map(|ip| ip.to_string());
        assert_eq!(of("10.1.2.3", 24).as_deref(), Some("10.1.2.255"));
        assert_eq!(of("10.1.2.3", 8).as_deref(), Some("10.255.255.255"));
        assert_eq!([of("10.1.2.3", 31), of("10.1.2.3", 32), of("fd00::1", 64)], [None, None, None]);
    }
}
