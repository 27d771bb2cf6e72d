//! The addresses of this host, for `ha_suspend`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::check::{Check, Event};
use crate::kernel::KernelEvent;

/// The addresses of this host, with the number of interfaces that have each.
#[derive(Default)]
pub(super) struct HostAddresses(HashMap<IpAddr, usize>);

impl HostAddresses {
    /// Reports added and removed addresses to the machines.
    pub(super) fn handle(&mut self, events: Vec<KernelEvent>, check: &mut Check, now: Duration) {
        for event in events {
            match event {
                KernelEvent::Snapshot(snapshot) => {
                    self.0.clear();
                    for address in snapshot.addresses {
                        *self.0.entry(address.ip).or_default() += 1;
                    }
                    check.handle(Event::Addresses(self.0.keys().copied().collect()), now);
                }
                // Also reported when an address changes, so it does not count. The removal is reported once.
                KernelEvent::Address(address) => {
                    self.0.entry(address.ip).or_insert(1);
                    check.handle(Event::AddressPresent(address.ip), now);
                }
                KernelEvent::AddressGone(address) => {
                    let left = self.0.get(&address.ip).copied().unwrap_or(1).saturating_sub(1);
                    if left == 0 {
                        self.0.remove(&address.ip);
                        check.handle(Event::AddressGone(address.ip), now);
                    } else {
                        self.0.insert(address.ip, left);
                    }
                }
                _ => {}
            }
        }
    }
}
