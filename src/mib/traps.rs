//! The notifications of KEEPALIVED-MIB.
//!
//! Their objects are columns of the tables, read by the same functions as for a walk.

use snmp::{Column, Oid, TableView, Value, VarBind};

use super::global;
use super::group::GROUPS;
use super::instance::INSTANCES;
use super::values::{BASE, state};
use crate::system::HasSystem;
use crate::vrrp::{Change, Vrrp};

/// A notification: snmpTrapOID.0 and the objects of its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Trap {
    /// Value of snmpTrapOID.0.
    pub oid: Oid,
    /// The objects. Their names are those of the columns, without an index, as in C keepalived: receivers expect these.
    pub objects: Vec<VarBind>,
}

/// The notification for a change, if it has one.
pub fn trap(change: &Change, data: &Vrrp) -> Option<Trap> {
    let (branch, objects) = match change {
        Change::Instance { id, to, .. } => {
            let objects = [
                cell(&INSTANCES, data, id, "vrrpInstanceName"),
                with_value(&INSTANCES, "vrrpInstanceState", state(*to)),
                cell(&INSTANCES, data, id, "vrrpInstanceInitialState"),
            ];
            (2, objects.into_iter().collect::<Option<Vec<_>>>()?)
        }
        Change::Group { id, to, .. } => {
            let objects =
                [cell(&GROUPS, data, id, "vrrpSyncGroupName"), with_value(&GROUPS, "vrrpSyncGroupState", state(*to))];
            (1, objects.into_iter().collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    };
    Some(Trap::new(&[2, 10, 0, branch], objects, data))
}

impl Trap {
    /// The notification below [`BASE`], with routerId as its last object.
    pub(super) fn new<T: HasSystem>(tail: &[u32], mut objects: Vec<VarBind>, data: &T) -> Trap {
        objects.extend(scalar(data, "routerId"));
        Trap { oid: Oid::from([&BASE[..], tail].concat()), objects }
    }
}

/// `enable_traps`.
pub(super) fn traps_enabled<T: HasSystem>(data: &T) -> bool {
    data.system().global.as_ref().is_some_and(|global| global.enable_traps)
}

/// An object of a row, as in a walk; `None` if the row has no such instance.
pub(super) fn cell<T, K: snmp::Key, R>(
    view: &TableView<T, K, R>,
    data: &T,
    id: &K,
    name: &'static str,
) -> Option<VarBind> {
    let column = column(view, name)?;
    let value = (column.get)(data, id, (view.table)(data).get(id)?)?;
    Some(object(view.entry, column.number, value))
}

/// An object with its value at the time of the change: the row may have changed since.
pub(super) fn with_value<T, K, R>(view: &TableView<T, K, R>, name: &'static str, value: Value) -> Option<VarBind> {
    Some(object(view.entry, column(view, name)?.number, value))
}

fn column<'v, T, K, R>(view: &'v TableView<T, K, R>, name: &str) -> Option<&'v Column<T, K, R>> {
    view.columns.iter().find(|column| column.name == name)
}

/// A scalar of branch 1, with the instance 0.
fn scalar<T: HasSystem>(data: &T, name: &str) -> Option<VarBind> {
    let view = global::scalars::<T>().into_iter().find(|view| view.name == name)?;
    Some(object(view.oid, 0, (view.get)(data)?))
}

fn object(parent: &[u32], last: u32, value: Value) -> VarBind {
    VarBind { name: Oid::new(parent).child(last), value }
}
