//! realServerStateChange and virtualServerQuorumStateChange.

use snmp::{Value, VarBind};

use super::super::traps::{Trap, object, oid};
use super::super::values::{address_type, octets};
use super::virtual_server::{address, group_name, kind, mark, protocol};
use crate::check::{Change, Tables, VirtualServer};

/// The protocol of a service by mark, in notifications: it has none, and C keepalived tells this one, as it does of all
/// but TCP.
const UDP: Value = Value::Integer(2);

/// The notification for a change, if it has one and `enable_traps` is set.
pub fn check_trap(change: &Change, tables: &Tables) -> Option<Trap> {
    let global = tables.system.global.as_ref().filter(|global| global.enable_traps)?;
    let router_id = object(&[1, 2, 0], Value::text(&global.router_id));
    match change {
        Change::RealServer { id, up, pool, .. } => {
            let (server, service) = (tables.real_servers.get(id)?, tables.virtual_servers.get(&id.0)?);
            let address = server.address();
            let mut objects = vec![
                real_server(3, address_type(address.ip())),
                real_server(4, octets(address.ip())),
                real_server(5, Value::Gauge32(address.port().into())),
                real_server(6, Value::truth(*up)),
            ];
            objects.extend(identification(service));
            objects.push(virtual_server(21, Value::Gauge32(pool.up)));
            objects.push(virtual_server(20, Value::Gauge32(pool.total)));
            objects.push(router_id);
            Some(Trap { oid: oid(&[3, 5, 0, 1]), objects })
        }
        Change::Quorum { id, status, pool, .. } => {
            let mut objects = identification(tables.virtual_servers.get(id)?);
            objects.push(virtual_server(23, Value::Integer(*status as i32)));
            objects.push(virtual_server(22, Value::Gauge32(pool.quorum)));
            objects.push(virtual_server(21, Value::Gauge32(pool.up)));
            objects.push(virtual_server(20, Value::Gauge32(pool.total)));
            objects.push(router_id);
            Some(Trap { oid: oid(&[3, 5, 0, 2]), objects })
        }
        _ => None,
    }
}

fn virtual_server(column: u32, value: Value) -> VarBind {
    object(&[3, 3, 1, column], value)
}

fn real_server(column: u32, value: Value) -> VarBind {
    object(&[3, 4, 1, column], value)
}

/// The kind of service, what it is known by, and its protocol.
fn identification(row: &VirtualServer) -> Vec<VarBind> {
    let (address, mark) = (address(row), mark(row));
    let columns = [
        (2, Some(kind(row))),
        (3, group_name(row)),
        (4, mark.clone()),
        (5, address.map(|address| address_type(address.ip()))),
        (6, address.map(|address| octets(address.ip()))),
        (7, address.map(|address| Value::Gauge32(address.port().into()))),
        (8, Some(mark.as_ref().map_or_else(|| protocol(row), |_| UDP))),
    ];
    columns.into_iter().filter_map(|(column, value)| Some(virtual_server(column, value?))).collect()
}
