//! Dump of the checker process.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::check::ipvs::{DestinationKey, Director, ServiceKey, destination_key, service_keys};
use crate::check::{RealServer, Tables, VirtualServerId};
use crate::notify::check_messages::{kind, service};

/// All rows, and where IPVS differs from them.
pub fn data(tables: &Tables, ipvs: &Director) -> String {
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
        let held = Held::new(*id, tables, ipvs);
        held.services(&mut out);
        for (server_id, server) in tables.real_servers.of(id) {
            real_server(&mut out, server, &held);
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

fn real_server(out: &mut String, row: &RealServer, held: &Held<'_>) {
    let (what, state) = match (row.regular(), row.alive) {
        (None, _) => ("Sorry server", ""),
        (Some(_), true) => ("Real server", ", up"),
        (Some(_), false) => ("Real server", ", down"),
    };
    let (address, ipvs) = (row.address(), held.server(row));
    let _ = writeln!(out, "  {what}: {address}, weight {} of {}{state}, {ipvs}", row.weight, row.base_weight);
}

/// What IPVS does not hold as a virtual server wants it.
struct Held<'a> {
    ipvs: &'a Director,
    keys: Vec<ServiceKey>,
    /// Services, and destinations of services, whose change is outstanding.
    outstanding: BTreeSet<(ServiceKey, Option<DestinationKey>)>,
}

impl<'a> Held<'a> {
    fn new(id: VirtualServerId, tables: &Tables, ipvs: &'a Director) -> Held<'a> {
        let keys = service_keys(tables, id);
        let changes = keys.iter().flat_map(|key| ipvs.outstanding(tables, key));
        let outstanding = changes.filter_map(|change| change.target()).collect();
        Held { ipvs, keys, outstanding }
    }

    /// Writes a line for each service that IPVS does not hold as wanted.
    fn services(&self, out: &mut String) {
        if !self.ipvs.is_known() {
            let _ = writeln!(out, "  IPVS was not read yet or cannot be read");
            return;
        }
        for key in self.keys.iter().filter(|key| self.outstanding.contains(&(**key, None))) {
            let _ = writeln!(out, "  Service {key} is not in IPVS as configured: {}", self.reason(key, None));
        }
    }

    /// Whether a real server is in IPVS as wanted, and why not.
    fn server(&self, row: &RealServer) -> String {
        let parts = self.keys.iter().map(|key| (*key, Some(destination_key(key, row))));
        let parts: Vec<_> = parts.filter(|part| self.outstanding.contains(part)).collect();
        let differs = parts.first().filter(|_| self.ipvs.is_known());
        let wanted = match (row.wanted, differs) {
            (Some(weight), None) if self.ipvs.is_known() => format!("in IPVS with weight {weight}"),
            (Some(weight), _) => format!("to be in IPVS with weight {weight}"),
            (None, Some(_)) => "to be removed from IPVS".to_owned(),
            (None, None) => "not in IPVS".to_owned(),
        };
        let Some((key, part)) = differs else { return wanted };
        let services = match self.keys.len() {
            1 => String::new(),
            all => format!(" ({} of {all} services)", parts.len()),
        };
        format!("{wanted}{services}: {}", self.reason(key, *part))
    }

    /// Why a part of a service is not as wanted.
    fn reason(&self, key: &ServiceKey, part: Option<DestinationKey>) -> String {
        let Some(row) = self.ipvs.row(key) else { return String::new() };
        match row.refused.get(&part).or(row.refused.get(&None)) {
            Some(refused) => format!("refused: {}", refused.reason),
            None if row.pending > 0 => "pending".to_owned(),
            None => "waiting".to_owned(),
        }
    }
}
