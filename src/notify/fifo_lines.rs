//! Lines for the FIFOs, octet for octet as those of C keepalived: a line about a virtual or real server is followed by a
//! NUL.

use super::check_messages::{server, service};
use crate::check::{self, QuorumStatus};
use crate::vrrp::{Change, Instance, InstanceId, State, Tables};

/// The line for a change of VRRP, if it has one.
pub fn vrrp(change: &Change, tables: &Tables) -> Option<String> {
    match change {
        Change::Instance { id, to, .. } => tables.instances.get(id).map(|row| instance(row, to.word())),
        Change::Group { id, to, .. } => tables.groups.get(id).map(|row| group(&row.config.name, *to)),
        Change::LowerAdvert { id, master: true, .. } => {
            tables.instances.get(id).map(|row| instance(row, "MASTER_RX_LOWER_PRI"))
        }
        Change::Priority { id, .. } => {
            let row = tables.instances.get(id)?;
            let of_group = row.group.and_then(|group| tables.groups.get(&group));
            let wanted =
                row.config.notify_priority_changes || of_group.is_some_and(|of| of.config.notify_priority_changes);
            let word = if row.state == State::Master { "MASTER_PRIORITY" } else { "BACKUP_PRIORITY" };
            wanted.then(|| instance(row, word))
        }
        _ => None,
    }
}

/// The states of all groups and instances (`fifo_write_vrrp_states_on_reload`), except `retired` instances, whose end has a line
/// of its own.
pub fn vrrp_states(tables: &Tables, retired: &[InstanceId]) -> Vec<String> {
    let groups = tables.groups.values().map(|row| group(&row.config.name, row.state));
    let staying = tables.instances.iter().filter(|(id, _)| !retired.contains(id));
    groups.chain(staying.map(|(_, row)| instance(row, row.state.word()))).collect()
}

fn instance(row: &Instance, state: &str) -> String {
    format!("INSTANCE \"{}\" {state} {}\n", row.config.name, row.priority)
}

fn group(name: &str, state: State) -> String {
    format!("GROUP \"{name}\" {} 0\n", state.word())
}

/// The line for a change of a virtual or real server, if it has one.
pub fn check(change: &check::Change, tables: &check::Tables) -> Option<String> {
    let word = |up: bool| if up { "UP" } else { "DOWN" };
    match change {
        check::Change::RealServer { id, up, cause, .. } if cause.runs_scripts() => {
            Some(format!("RS {} {} {}\n\0", server(*id, tables), service(id.0, tables), word(*up)))
        }
        check::Change::Quorum { id, status, cause, .. } if cause.runs_scripts() => {
            Some(format!("VS {} {}\n\0", service(*id, tables), word(*status == QuorumStatus::Met)))
        }
        _ => None,
    }
}
