//! Indices of the rows.

use snmp::Key;

use crate::state::RowId;

/// Index of a row of vrrpInstanceTable, from 1. A name keeps its index across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

/// Identifies a link that the daemon makes: the instance, and 0 for the link that the instance runs on, or the number of a
/// link for addresses, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnLinkId(pub InstanceId, pub u32);

/// Index of a row of vrrpSyncGroupTable, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Index of a row of vrrpAddressTable: owner (0 = static, otherwise the instance) and position, from 1.
pub type AddressId = RowId;

/// Index of a virtual router in the MIBs of the RFCs: ifIndex of the configured interface, VRID, and InetAddressType (1 =
/// IPv4, 2 = IPv6).
pub type RouterKey = (u32, u32, u32);

/// The first part of the indices of static rows.
pub(super) const STATIC: u32 = 0;

/// A row about an object of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectId {
    /// An address.
    Address(RowId),
    /// A route.
    Route(RowId),
    /// A policy rule.
    Rule(RowId),
}

impl ObjectId {
    /// The owner of the row.
    pub fn owner(self) -> Owner {
        match self {
            ObjectId::Address(id) | ObjectId::Route(id) | ObjectId::Rule(id) => Owner::of(id),
        }
    }
}

/// Index of a row of vrrpRouteTable.
pub type RouteId = RowId;

/// Index of a row of vrrpRuleTable.
pub type RuleId = RowId;

/// Owner of rows about objects of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The configuration itself (`static_ipaddress` and the like).
    Static,
    /// An instance.
    Instance(InstanceId),
}

impl Owner {
    /// The owner of a row.
    pub fn of(id: RowId) -> Owner {
        if id.0 == STATIC { Owner::Static } else { Owner::Instance(InstanceId(id.0)) }
    }

    /// The first part of the owner's row indices.
    pub fn index(self) -> u32 {
        match self {
            Owner::Static => STATIC,
            Owner::Instance(id) => id.0,
        }
    }

    /// The instance.
    pub fn instance(self) -> Option<InstanceId> {
        match self {
            Owner::Static => None,
            Owner::Instance(id) => Some(id),
        }
    }
}

impl Key for InstanceId {
    const LEN: usize = 1;
    fn push(&self, out: &mut Vec<u32>) {
        out.push(self.0);
    }
    fn from_sub_ids(sub_ids: &[u32]) -> Option<InstanceId> {
        u32::from_sub_ids(sub_ids).map(InstanceId)
    }
}

impl Key for GroupId {
    const LEN: usize = 1;
    fn push(&self, out: &mut Vec<u32>) {
        out.push(self.0);
    }
    fn from_sub_ids(sub_ids: &[u32]) -> Option<GroupId> {
        u32::from_sub_ids(sub_ids).map(GroupId)
    }
}
