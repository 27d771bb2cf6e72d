//! Keeps secondary addresses when their primary address is removed.
//!
//! Linux removes an IPv4 address together with its secondaries, the later addresses of the same network, unless
//! `promote_secondaries` is set. A virtual address becomes the primary when a network manager removes the main address of
//! the host and adds it again; a failover must not remove the main address.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use super::address::AddressRequest;
use super::address_encode::perform;
use super::request_socket::RequestSocket;
use super::sysctl::{Changes, Tree};
use crate::config::model::Address;
use crate::state::Op;

/// Sets `promote_secondaries` on the interfaces that need it during a batch of removals.
pub(super) struct SparedSecondaries {
    changes: Changes,
    /// Interfaces where it could not be set, with the error.
    failed: BTreeMap<String, String>,
}

impl SparedSecondaries {
    /// Sets it where a request of the batch would remove secondaries.
    pub(super) fn enable<'r>(batch: impl Iterator<Item = &'r AddressRequest>) -> SparedSecondaries {
        let mut spared = SparedSecondaries { changes: Changes::new(), failed: BTreeMap::new() };
        for secondaries in batch.filter_map(|request| request.secondaries.as_ref()) {
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

    /// Restores the settings.
    pub(super) fn restore(&mut self) {
        // A setting that could be changed can be restored; the settings of a vanished interface are gone with it.
        let _ = self.changes.restore_all();
    }

    /// Adds the secondaries again that the kernel removed because the setting could not be changed; returns a message.
    pub(super) fn complaint(&self, request: &AddressRequest, socket: &mut RequestSocket) -> Option<String> {
        let secondaries = request.secondaries.as_ref()?;
        let error = self.failed.get(&secondaries.interface)?;
        let addition = |(ip, prefix): &(IpAddr, u8)| {
            let plain = Address::plain(*ip, *prefix, &secondaries.interface);
            let address = Address { broadcast: broadcast(*ip, *prefix), ..plain };
            AddressRequest { protocol: None, ..AddressRequest::new(0, Op::Add, request.ifindex, address) }
        };
        let batch: Vec<AddressRequest> = secondaries.addresses.iter().map(addition).collect();
        let lost = perform(socket, &batch).iter().filter(|outcome| outcome.is_err()).count();
        Some(format!(
            "Removing {} from {} also removed {} other addresses, because promote_secondaries cannot be set there \
             ({error}); {} of them were added again; set net.ipv4.conf.{}.promote_secondaries=1",
            request.address.ip,
            secondaries.interface,
            batch.len(),
            batch.len().saturating_sub(lost),
            secondaries.interface
        ))
    }
}

/// The broadcast address of a network; `None` for IPv6, /31 and /32.
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
