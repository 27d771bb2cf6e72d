//! realServerStateChange and virtualServerQuorumStateChange.

use snmp::{Value, VarBind};

use super::super::traps::{Trap, cell, with_value};
use super::real_server::{REAL_SERVERS, status};
use super::virtual_server::{VIRTUAL_SERVERS, count, quorum_status};
use crate::check::{Change, Check, Pool, VirtualServerId};

/// virtualServerProtocol of a firewall mark service in notifications. The service has no protocol; C keepalived sends udp
/// for everything but TCP.
const UDP: Value = Value::Integer(2);

/// The notification for a change, if it has one.
pub fn check_trap(change: &Change, data: &Check) -> Option<Trap> {
    let (number, objects) = match change {
        Change::RealServer { id, up, pool, .. } => {
            let mut objects = [
                cell(&REAL_SERVERS, data, id, "realServerAddrType"),
                cell(&REAL_SERVERS, data, id, "realServerAddress"),
                cell(&REAL_SERVERS, data, id, "realServerPort"),
                with_value(&REAL_SERVERS, "realServerStatus", status(*up)),
            ]
            .into_iter()
            .collect::<Option<Vec<_>>>()?;
            objects.extend(identification(data, &id.0));
            objects.extend(servers(pool));
            (1, objects)
        }
        Change::Quorum { id, status, pool, .. } => {
            let mut objects = identification(data, id);
            objects.extend(with_value(&VIRTUAL_SERVERS, "virtualServerQuorumStatus", quorum_status(*status)));
            objects.extend(with_value(&VIRTUAL_SERVERS, "virtualServerQuorum", count(pool.quorum)));
            objects.extend(servers(pool));
            (2, objects)
        }
        _ => return None,
    };
    Some(Trap::new(&[3, 5, 0, number], objects, data))
}

/// The objects that identify a virtual server: type, address or mark or group, and protocol.
fn identification(data: &Check, id: &VirtualServerId) -> Vec<VarBind> {
    let of = |name| cell(&VIRTUAL_SERVERS, data, id, name);
    let address = of("virtualServerAddress");
    // In a walk virtualServerAddrType is present for all services; here only with an address.
    let family = address.is_some().then(|| of("virtualServerAddrType")).flatten();
    let protocol = of("virtualServerProtocol").or_else(|| with_value(&VIRTUAL_SERVERS, "virtualServerProtocol", UDP));
    let names = ["virtualServerType", "virtualServerNameOfGroup", "virtualServerFwMark"].map(of);
    let objects = names.into_iter().chain([family, address, of("virtualServerPort"), protocol]);
    objects.flatten().collect()
}

/// The numbers of real servers that are up and of all.
fn servers(pool: &Pool) -> impl Iterator<Item = VarBind> {
    let up = with_value(&VIRTUAL_SERVERS, "virtualServerRealServersUp", count(pool.up));
    let total = with_value(&VIRTUAL_SERVERS, "virtualServerRealServersTotal", count(pool.total));
    [up, total].into_iter().flatten()
}
