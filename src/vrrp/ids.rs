//! Indices of the rows.

use snmp::Key;

/// Index of a row of vrrpInstanceTable, from 1. A name keeps its index across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

/// Index of a row of vrrpSyncGroupTable, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Index of a row of vrrpAddressTable: owner (0 = static, otherwise the instance) and position, from 1.
pub type AddressId = (u32, u32);

/// The owner of static addresses.
pub(super) const STATIC: InstanceId = InstanceId(0);

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
