//! Log lines about checkers, real servers and quorums.

use std::fmt::Display;

use super::log::Level;
use crate::check::{
    Cause, Change, CheckerId, Pool, QuorumStatus, RealServerId, Setter, Tables, VirtualServer, VirtualServerId,
    endpoint,
};

/// The line for a change.
pub fn line(change: &Change, tables: &Tables) -> (Level, String) {
    match change {
        Change::Checker { id, up: true, .. } => {
            (Level::Notice, format!("{} of {} succeeded", kind(*id, tables), server(id.0, tables)))
        }
        Change::Checker { id, reason, .. } => {
            (Level::Notice, format!("{} of {} failed: {reason}", kind(*id, tables), server(id.0, tables)))
        }
        Change::AttemptFailed { id, reason, left } => {
            let (kind, server) = (kind(*id, tables), server(id.0, tables));
            (Level::Info, format!("{kind} of {server}: attempt failed: {reason}; {left} attempts left"))
        }
        Change::RealServer { id, up, cause, .. } => {
            let (server, service) = (server(*id, tables), service(id.0, tables));
            let text = match (up, cause) {
                (true, _) => format!("Adding service {server} to VS {service}"),
                (false, Cause::Initial) => format!("Service {server} of VS {service} starts down"),
                (false, Cause::Shutdown { .. }) => {
                    let row = tables.real_servers.get(id).and_then(|row| row.regular());
                    let inhibits = if row.is_some_and(|row| row.inhibit) { "(inhibited) " } else { "" };
                    format!("Shutting down {inhibits}service {server} from VS {service}")
                }
                (false, _) => format!("Removing service {server} from VS {service}"),
            };
            (Level::Notice, text)
        }
        Change::WeightSet { id, from, to, by } => {
            let (server, service) = (server(*id, tables), service(id.0, tables));
            let who = match by {
                Setter::Snmp => "SNMP",
                Setter::Operator => "An operator",
            };
            (Level::Notice, format!("{who} has set the weight of {server} in VS {service} from {from} to {to}"))
        }
        Change::Weight { id, from, to } => {
            let (server, service) = (server(*id, tables), service(id.0, tables));
            (Level::Info, format!("Weight of {server} in VS {service} changes from {from} to {to}"))
        }
        Change::Quorum { id, status, cause, pool } => {
            let Pool { quorum, hysteresis, weight_sum, .. } = pool;
            let service = service(*id, tables);
            let text = match status {
                QuorumStatus::Met => {
                    format!(
                        "Gained quorum {quorum}+{hysteresis}={} <= {weight_sum} for VS {service}",
                        sum(*quorum, *hysteresis)
                    )
                }
                QuorumStatus::NotMet if *cause == Cause::Initial => {
                    let least = sum(*quorum, *hysteresis);
                    format!("Starting with quorum down {quorum}+{hysteresis}={least} > {weight_sum} for VS {service}")
                }
                QuorumStatus::NotMet => {
                    let least = quorum.saturating_sub(*hysteresis);
                    format!("Lost quorum {quorum}-{hysteresis}={least} > {weight_sum} for VS {service}")
                }
                QuorumStatus::Shutdown => format!("VS {service} stops"),
            };
            (Level::Notice, text)
        }
        Change::Sorry { id, in_use } => {
            let verb = if *in_use { "Adding" } else { "Removing" };
            (Level::Notice, format!("{verb} sorry server of VS {}", service(*id, tables)))
        }
        Change::Suspended { id, suspended } => {
            let what = if *suspended { "are suspended: this host has none of its addresses" } else { "are resumed" };
            (Level::Info, format!("Checkers of VS {} {what}", service(*id, tables)))
        }
    }
}

fn sum(quorum: u32, hysteresis: u32) -> u64 {
    u64::from(quorum) + u64::from(hysteresis)
}

/// `[ADDR]:tcp:PORT`, `FWM N` or `[GROUP]:0`.
pub fn service(id: VirtualServerId, tables: &Tables) -> String {
    tables.virtual_servers.get(&id).map_or_else(|| "?".into(), VirtualServer::words)
}

/// `[ADDR]:tcp:PORT` of a real server.
pub fn server(id: RealServerId, tables: &Tables) -> String {
    let Some(row) = tables.real_servers.get(&id) else { return "?".into() };
    let protocol = tables.virtual_servers.get(&id.0).and_then(|row| row.config.protocol);
    endpoint(row.address(), protocol)
}

pub(super) fn kind(id: CheckerId, tables: &Tables) -> impl Display {
    tables.checkers.get(&id).map_or("Check", |row| row.config.kind.word())
}
