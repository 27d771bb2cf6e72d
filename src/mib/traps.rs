//! The notifications of KEEPALIVED-MIB.

use snmp::{Oid, Value, VarBind};

use super::instance::initial_state;
use super::values::BASE;
use crate::vrrp::{Cause, Change, Tables};

/// A notification: snmpTrapOID and the objects of its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Trap {
    /// Value of snmpTrapOID.0.
    pub oid: Oid,
    /// The objects. Like C keepalived, by column and without an index: receivers are set up for these names.
    pub objects: Vec<VarBind>,
}

pub(super) fn oid(tail: &[u32]) -> Oid {
    Oid::from([&BASE[..], tail].concat())
}

pub(super) fn object(tail: &[u32], value: Value) -> VarBind {
    VarBind { name: oid(tail), value }
}

fn router_id(tables: &Tables) -> VarBind {
    object(&[1, 2, 0], Value::text(tables.system.global.as_ref().map_or("", |global| global.router_id.as_str())))
}

/// The notification for a change, if it has one and `enable_traps` is set.
pub fn trap(change: &Change, tables: &Tables) -> Option<Trap> {
    if !tables.system.global.as_ref().is_some_and(|global| global.enable_traps) {
        return None;
    }
    match change {
        // The other managers were told when the predecessor became master.
        Change::Instance { cause: Cause::Resumed, .. } => None,
        Change::Instance { id, to, .. } => {
            let row = tables.instances.get(id)?;
            let objects = vec![
                object(&[2, 3, 1, 2], Value::text(&row.config.name)),
                object(&[2, 3, 1, 4], Value::Integer(*to as i32)),
                object(&[2, 3, 1, 5], initial_state(row)),
                router_id(tables),
            ];
            Some(Trap { oid: oid(&[2, 10, 0, 2]), objects })
        }
        Change::Group { id, to, .. } => {
            let objects = vec![
                object(&[2, 1, 1, 2], Value::text(tables.group_name(*id)?)),
                object(&[2, 1, 1, 3], Value::Integer(*to as i32)),
                router_id(tables),
            ];
            Some(Trap { oid: oid(&[2, 10, 0, 1]), objects })
        }
        _ => None,
    }
}
