//! Dump of the checker process.

use std::fmt::Write;

use crate::check::{RealServer, Tables};
use crate::notify::check_messages::{kind, service};

/// Name of the file of [`data`].
pub const DATA: &str = "keepalived_check.data";

/// All rows.
pub fn data(tables: &Tables) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{}", tables.system.version);
    for (id, row) in tables.virtual_servers.iter() {
        let _ = writeln!(out, "\nVirtual server: {}", service(*id, tables));
        let quorum = if row.quorum_met { "met" } else { "not met" };
        let _ = writeln!(out, "  Real servers: {} of {} up, weight {}", row.up, row.total, row.weight_sum);
        let _ = writeln!(out, "  Quorum: {}, hysteresis {}, {quorum}", row.config.quorum, row.config.hysteresis);
        let _ = writeln!(out, "  Connections: {}", row.statistics.connections);
        if row.suspended {
            let _ = writeln!(out, "  Checkers are suspended: this host has none of its addresses");
        }
        for (server_id, server) in tables.real_servers.of(id) {
            real_server(&mut out, server);
            for (checker_id, checker) in tables.checkers.of(server_id) {
                let verdict = match (checker.has_run, checker.up) {
                    (false, _) => "has not run",
                    (true, true) => "up",
                    (true, false) => "down",
                };
                let reason = if checker.reason.is_empty() { String::new() } else { format!(": {}", checker.reason) };
                let _ = writeln!(out, "    {}: {verdict}{reason}", kind(*checker_id, tables));
            }
        }
    }
    out
}

fn real_server(out: &mut String, row: &RealServer) {
    let (what, state) = match (row.regular(), row.alive) {
        (None, _) => ("Sorry server", ""),
        (Some(_), true) => ("Real server", ", up"),
        (Some(_), false) => ("Real server", ", down"),
    };
    let wanted = row.wanted.map_or("not in IPVS".to_owned(), |weight| format!("in IPVS with weight {weight}"));
    let _ = writeln!(out, "  {what}: {}, weight {} of {}{state}, {wanted}", row.address(), row.weight, row.base_weight);
}
