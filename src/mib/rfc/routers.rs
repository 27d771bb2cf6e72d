//! Sources of rows: the instances by interface and VRID, and their addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{Bound, RangeBounds};

use snmp::{Oid, Rows, Syntax, Value};

use crate::config::model::{Address, Family, Version};
use crate::vrrp::{Instance, RouterKey, State, Vrrp};

/// Whether VRRP-MIB has a row for an instance: version 2 over IPv4, with virtual addresses.
pub(super) fn in_v2(row: &Instance) -> bool {
    row.config.version == Version::V2 && row.config.family == Family::V4 && in_v3(row)
}

/// Whether VRRPV3-MIB has a row for an instance: one with virtual addresses.
pub(super) fn in_v3(row: &Instance) -> bool {
    !row.config.addresses.is_empty()
}

/// The rows of VRRP-MIB, by ifIndex and VRID.
pub(super) struct V2Routers;

impl Rows<Vrrp, (u32, u32), Instance> for V2Routers {
    fn get<'d>(&self, data: &'d Vrrp, (index, vrid): &(u32, u32)) -> Option<&'d Instance> {
        data.tables().router_at(&(*index, *vrid, 1), in_v2)
    }

    fn range<'d>(
        &'d self,
        data: &'d Vrrp,
        from: Bound<(u32, u32)>,
    ) -> impl Iterator<Item = ((u32, u32), &'d Instance)> {
        let from = match from {
            Bound::Included((index, vrid)) => Bound::Included((index, vrid, 0)),
            Bound::Excluded((index, vrid)) => Bound::Excluded((index, vrid, u32::MAX)),
            Bound::Unbounded => Bound::Unbounded,
        };
        data.tables().routers(from, in_v2).map(|((index, vrid, _), row)| ((index, vrid), row))
    }
}

/// The rows of VRRPV3-MIB, by ifIndex, VRID and address type.
pub(super) struct V3Routers;

impl Rows<Vrrp, RouterKey, Instance> for V3Routers {
    fn get<'d>(&self, data: &'d Vrrp, key: &RouterKey) -> Option<&'d Instance> {
        data.tables().router_at(key, in_v3)
    }

    fn range<'d>(&'d self, data: &'d Vrrp, from: Bound<RouterKey>) -> impl Iterator<Item = (RouterKey, &'d Instance)> {
        data.tables().routers(from, in_v3)
    }
}

/// The virtual addresses of the instances, under the index of the instance and the address.
pub(super) struct Addresses {
    /// The instances.
    pub(super) shown: fn(&Instance) -> bool,
    /// The index of an address of an instance.
    pub(super) index: fn(RouterKey, IpAddr) -> Vec<u32>,
    /// The index of the first instance that an address with this index may have.
    pub(super) owner: fn(&[u32]) -> RouterKey,
}

impl Addresses {
    /// The addresses of an instance, in the order of their indices.
    fn of<'d>(&self, key: RouterKey, row: &'d Instance) -> Vec<(Oid, &'d Address)> {
        let mut rows: Vec<(Oid, &Address)> =
            row.carried().iter().map(|address| (Oid::from((self.index)(key, address.ip)), address)).collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows.dedup_by(|(a, _), (b, _)| a == b);
        rows
    }
}

impl Rows<Vrrp, Oid, Address> for Addresses {
    fn get<'d>(&self, data: &'d Vrrp, index: &Oid) -> Option<&'d Address> {
        let key = (self.owner)(index.as_slice());
        let row = data.tables().router_at(&key, self.shown)?;
        self.of(key, row).into_iter().find_map(|(known, address)| (known == *index).then_some(address))
    }

    fn range<'d>(&'d self, data: &'d Vrrp, from: Bound<Oid>) -> impl Iterator<Item = (Oid, &'d Address)> {
        let first = match &from {
            Bound::Included(index) | Bound::Excluded(index) => Bound::Included((self.owner)(index.as_slice())),
            Bound::Unbounded => Bound::Unbounded,
        };
        let wanted = (from, Bound::Unbounded);
        let routers = data.tables().routers(first, self.shown);
        routers.flat_map(move |(key, row)| {
            let mut rows = self.of(key, row);
            rows.retain(|(index, _)| wanted.contains(index));
            rows
        })
    }
}

/// The octets of an address as sub-identifiers.
pub(super) fn sub_ids(ip: IpAddr) -> Vec<u32> {
    match ip {
        IpAddr::V4(ip) => ip.octets().map(u32::from).to_vec(),
        IpAddr::V6(ip) => ip.octets().map(u32::from).to_vec(),
    }
}

/// SYNTAX of the state.
pub(super) const STATE: Syntax = Syntax::Enum(&[("initialize", 1), ("backup", 2), ("master", 3)]);

/// The state; a fault is initialize.
pub(super) fn state(row: &Instance) -> Value {
    Value::Integer(match row.state {
        State::Backup => 2,
        State::Master => 3,
        _ => 1,
    })
}

/// An address, or the unspecified one of the instance's family.
pub(super) fn or_unspecified(address: Option<IpAddr>, row: &Instance) -> IpAddr {
    address.unwrap_or(match row.config.family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    })
}

/// The number of addresses in the adverts, at most 255.
pub(super) fn address_count(row: &Instance) -> Option<Value> {
    Some(Value::Integer(i32::try_from(row.carried().len()).unwrap_or(i32::MAX).min(255)))
}

/// The Ethernet address that answers for the virtual addresses.
pub(super) fn mac(data: &Vrrp, row: &Instance) -> Option<Value> {
    row.mac(&data.tables().interfaces).map(|mac| Value::OctetString(mac.to_vec()))
}

/// RowStatus of all rows: active.
pub(super) fn active() -> Option<Value> {
    Some(Value::Integer(1))
}
