//! The scripts of virtual and real servers: notify_up, notify_down, quorum_up, quorum_down.

use crate::check::{Change, QuorumStatus, Tables};
use crate::reactor::Program;

/// The scripts to run for a change.
pub fn jobs(change: &Change, tables: &Tables) -> Vec<Program> {
    let script = match change {
        Change::RealServer { id, up, cause, .. } if cause.runs_scripts() => {
            let server = tables.real_servers.get(id).and_then(|row| row.regular());
            server.and_then(|server| if *up { server.notify_up.as_deref() } else { server.notify_down.as_deref() })
        }
        Change::Quorum { id, status, cause, .. } if cause.runs_scripts() => {
            tables.virtual_servers.get(id).and_then(|row| match status {
                QuorumStatus::Met => row.config.quorum_up.as_ref(),
                QuorumStatus::NotMet | QuorumStatus::Shutdown => row.config.quorum_down.as_ref(),
            })
        }
        _ => None,
    };
    script.map(|script| Program::new(script, tables.system.global.as_ref())).into_iter().collect()
}
