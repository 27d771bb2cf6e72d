//! The part of the checker process.

use std::time::Duration;

use super::targets::targets;
use crate::check::{self, RealServerId, Tables, VirtualServerId};
use crate::notify::check_messages::{kind, service};
use crate::status::{Check, Checker, Checks, Clock, LastCheck, RealServer, VirtualServer};

/// The virtual servers with their real servers and checks.
pub fn check(tables: &Tables, clock: Clock) -> Checker {
    let servers = tables.virtual_servers.iter().map(|(id, row)| virtual_server(*id, row, tables, clock));
    let checks = Checks { running: tables.running(), late: tables.late, postponed: tables.postponed };
    Checker { virtual_servers: servers.collect(), checks, targets: targets(&tables.system) }
}

fn virtual_server(id: VirtualServerId, row: &check::VirtualServer, tables: &Tables, clock: Clock) -> VirtualServer {
    let servers = tables.real_servers.of(&id).map(|(server, of)| real_server(*server, of, row, tables, clock));
    VirtualServer {
        name: service(id, tables),
        up: row.up,
        total: row.total,
        weight: row.weight_sum,
        quorum: row.config.quorum,
        hysteresis: row.config.hysteresis,
        quorum_met: row.quorum_met,
        suspended: row.suspended,
        connections: row.statistics.connections,
        real_servers: servers.collect(),
    }
}

fn real_server(
    id: RealServerId,
    row: &check::RealServer,
    of: &check::VirtualServer,
    tables: &Tables,
    clock: Clock,
) -> RealServer {
    let sorry = row.regular().is_none();
    let checks = tables.checkers.of(&id).map(|(id, checker)| Check {
        kind: kind(*id, tables).to_string(),
        up: checker.has_run.then_some(checker.up),
        reason: checker.reason.clone(),
    });
    let last_check = tables.last_attempt(&id).map(|(last, result)| LastCheck {
        at: clock.seconds(last.at),
        result,
        // In microseconds, as by SNMP.
        duration: last
            .took
            .map(|took| Duration::from_micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)).as_secs_f64()),
    });
    RealServer {
        address: row.address().to_string(),
        sorry,
        up: if sorry { of.sorry_in_use() } else { row.alive },
        since: clock.seconds(row.since),
        weight: row.weight,
        base_weight: row.base_weight,
        in_ipvs: row.wanted,
        connections: row.statistics.connections,
        checks: checks.collect(),
        last_check,
    }
}
