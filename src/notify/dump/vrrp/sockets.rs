//! The sockets of the instances.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::RawFd;

use super::super::text::Text;
use super::wiring::Wiring;
use crate::config::model::{AdvertBuffer, Authentication, Family};
use crate::vrrp::{Instance, Tables};
use crate::wire::{ah, vrrp};

/// What instances of one socket of C keepalived have in common: interface, family, authentication header, and the source
/// of unicast or the group.
type Key<'t> = (&'t str, Family, bool, Option<IpAddr>, IpAddr);

/// The descriptor of the socket of an instance, -1 if it is not open.
pub(super) fn descriptor(row: &Instance, wiring: &Wiring) -> RawFd {
    let protocol = if is_ah(row) { ah::PROTOCOL } else { vrrp::PROTOCOL };
    let key = row.wire().map(|ifindex| (ifindex, row.config.family, protocol));
    key.and_then(|key| wiring.sockets.get(&key)).copied().unwrap_or(-1)
}

/// The section of the sockets, grouped as in C keepalived.
pub(super) fn pool(out: &mut Text, tables: &Tables, wiring: &Wiring) {
    let mut places: HashMap<Key<'_>, usize> = HashMap::new();
    let mut sockets: Vec<(Key<'_>, Vec<&Instance>)> = Vec::new();
    for row in tables.instances.values() {
        let key = key(row);
        let place = *places.entry(key).or_insert(sockets.len());
        match sockets.get_mut(place) {
            Some((_, rows)) => rows.push(row),
            None => sockets.push((key, vec![row])),
        }
    }
    out.section("VRRP Sockpool");
    for ((interface, family, ah, source, _), rows) in sockets {
        let descriptor = rows.first().map_or(-1, |row| descriptor(row, wiring));
        out.line(format_args!(" fd_in {descriptor} fd_out = {descriptor}"));
        out.item("Interface", interface);
        out.item("Family", family.name());
        out.item("Protocol", if ah { "AH" } else { "VRRP" });
        let is_unicast = rows.first().is_some_and(|row| row.config.unicast.is_some());
        out.item("Type", if is_unicast { "Unicast" } else { "Multicast" });
        if let Some(source) = source {
            out.item("Address", source);
        }
        let octets = rows.iter().map(|row| buffer(row, tables)).fold(0, u32::saturating_add);
        out.item("Rx buf size", octets);
        out.line("   VRRP instances");
        rows.iter().for_each(|row| out.line(format_args!("     {} vrid {}", row.config.name, row.config.vrid)));
    }
}

fn key(row: &Instance) -> Key<'_> {
    let config = &row.config;
    let interface = match row.link() {
        Some(link) if !link.config.is_bypassed() => row.interface_name(),
        _ => config.device().unwrap_or("(none)"),
    };
    let source = config.unicast.as_ref().and(row.source.or(config.source));
    (interface, config.family, is_ah(row), source, config.group)
}

fn is_ah(row: &Instance) -> bool {
    matches!(row.config.authentication, Some(Authentication::Ah(_)))
}

/// The configured receive buffer of an instance in octets, 0 for the default.
fn buffer(row: &Instance, tables: &Tables) -> u32 {
    match row.config.buffer {
        AdvertBuffer::Default => 0,
        AdvertBuffer::Octets(octets) => octets,
        AdvertBuffer::Mtu(multiplier) => {
            let mtu = row.wire().and_then(|index| tables.interfaces.get(index)).map_or(0, |link| link.mtu);
            mtu.saturating_mul(multiplier)
        }
        AdvertBuffer::Advert(multiplier) => {
            u32::try_from(row.advert_octets()).unwrap_or(u32::MAX).saturating_mul(multiplier)
        }
    }
}
