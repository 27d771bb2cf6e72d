//! realServerStateChange and virtualServerQuorumStateChange.

use snmp::{Value, VarBind};

use super::super::traps::{Trap, cell, then, traps_enabled};
use super::real_server::{REAL_SERVERS, status};
use super::virtual_server::{VIRTUAL_SERVERS, count, quorum_status};
use crate::check::{Change, Check, Pool, VirtualServerId};

/// The protocol of a service by mark, in notifications: it has none, and C keepalived tells this one, as it does of all
/// but TCP.
const UDP: Value = Value::Integer(2);

/// The notification for a change, if it has one and `enable_traps` is set.
pub fn check_trap(change: &Change, data: &Check) -> Option<Trap> {
    if !traps_enabled(data) {
        return None;
    }
    let (number, objects) = match change {
        Change::RealServer { id, up, pool, .. } => {
            let mut objects = [
                cell(&REAL_SERVERS, data, id, "realServerAddrType"),
                cell(&REAL_SERVERS, data, id, "realServerAddress"),
                cell(&REAL_SERVERS, data, id, "realServerPort"),
                then(&REAL_SERVERS, "realServerStatus", status(*up)),
            ]
            .into_iter()
            .collect::<Option<Vec<_>>>()?;
            objects.extend(identification(data, &id.0));
            objects.extend(servers(pool));
            (1, objects)
        }
        Change::Quorum { id, status, pool, .. } => {
            let mut objects = identification(data, id);
            objects.extend(then(&VIRTUAL_SERVERS, "virtualServerQuorumStatus", quorum_status(*status)));
            objects.extend(then(&VIRTUAL_SERVERS, "virtualServerQuorum", count(pool.quorum)));
            objects.extend(servers(pool));
            (2, objects)
        }
        _ => return None,
    };
    Some(Trap::new(&[3, 5, 0, number], objects, data))
}

/// The kind of service, what it is known by, and its protocol.
fn identification(data: &Check, id: &VirtualServerId) -> Vec<VarBind> {
    let of = |name| cell(&VIRTUAL_SERVERS, data, id, name);
    let address = of("virtualServerAddress");
    // A walk shows the family of any service.
    let family = address.is_some().then(|| of("virtualServerAddrType")).flatten();
    let protocol = of("virtualServerProtocol").or_else(|| then(&VIRTUAL_SERVERS, "virtualServerProtocol", UDP));
    let names = ["virtualServerType", "virtualServerNameOfGroup", "virtualServerFwMark"].map(of);
    let objects = names.into_iter().chain([family, address, of("virtualServerPort"), protocol]);
    objects.flatten().collect()
}

/// How many real servers were up, and of how many.
fn servers(pool: &Pool) -> impl Iterator<Item = VarBind> {
    let up = then(&VIRTUAL_SERVERS, "virtualServerRealServersUp", count(pool.up));
    let total = then(&VIRTUAL_SERVERS, "virtualServerRealServersTotal", count(pool.total));
    [up, total].into_iter().flatten()
}
