//! The checkpoint of the checker process: the verdicts that the parent keeps, so that a replacement process can continue
//! after a crash.
//!
//! Services and servers are identified by row index, which is the same in the replacement
//! ([`Indices`](super::Indices)). Checkers have no persistent index and are identified by their configuration.

use serde::{Deserialize, Serialize};

use super::machine::Check;
use super::rows::{Checker, RealServerId, VirtualServerId};
use crate::state::Record;

/// Checkpoint: the quorums, weights and verdicts from which a replacement process resumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Virtual servers, and whether their quorum is met.
    quorums: Vec<(u32, bool)>,
    /// Weights that were set by SNMP. Only these are saved, since there may be ten thousand servers.
    weights: Vec<(ServerIndex, u32)>,
    /// Verdicts of checkers that have a result.
    verdicts: Vec<Verdict>,
}

/// Index of a virtual server, and position of the real server.
type ServerIndex = (u32, u32);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    server: ServerIndex,
    /// Fingerprint of the checker's configuration.
    checker: u64,
    up: bool,
    contribution: i64,
}

impl Record for Checkpoint {
    const NAME: &'static str = "verdicts of checkers";
    const VERSION: u32 = 1;
}

impl Check {
    /// Returns the present verdicts, for a replacement of this process.
    pub fn checkpoint(&self) -> Checkpoint {
        let tables = &self.tables;
        let set = tables
            .real_servers
            .iter()
            .filter(|(_, row)| row.regular().is_some_and(|server| server.weight != row.base_weight));
        let run = tables.checkers.iter().filter(|(_, row)| row.has_run);
        Checkpoint {
            quorums: tables.virtual_servers.iter().map(|(id, row)| (id.0, row.quorum_met)).collect(),
            weights: set.map(|((service, position), row)| ((service.0, *position), row.base_weight)).collect(),
            verdicts: run
                .map(|(((service, position), _), row)| Verdict {
                    server: (service.0, *position),
                    checker: row.fingerprint,
                    up: row.up,
                    contribution: row.contribution,
                })
                .collect(),
        }
    }

    /// Restores the verdicts of a predecessor. Call it before [`Event::Start`](super::Event::Start).
    pub fn resume(&mut self, checkpoint: &Checkpoint) {
        for (service, met) in &checkpoint.quorums {
            if let Some(row) = self.tables.virtual_servers.get_mut(&VirtualServerId(*service)) {
                row.quorum_met = *met;
                row.reported = true;
            }
        }
        for (server, weight) in &checkpoint.weights {
            let row = self.tables.real_servers.get_mut(&id(*server)).filter(|row| row.regular().is_some());
            if let Some(row) = row {
                row.base_weight = *weight;
                row.weight = *weight;
            }
        }
        for verdict in &checkpoint.verdicts {
            self.resume_checker(verdict);
        }
    }

    fn resume_checker(&mut self, verdict: &Verdict) {
        let server = id(verdict.server);
        // Checkers with the same configuration are matched in order.
        let same = |row: &Checker| row.fingerprint == verdict.checker && !row.has_run;
        let found = self.tables.checkers.of_mut(&server).find(|(_, row)| same(row));
        let Some((_, row)) = found else { return };
        row.up = verdict.up;
        row.has_run = true;
        row.contribution = verdict.contribution;
        // For a checker that is up, failures are counted from 0 again.
        row.failures = if verdict.up { 0 } else { row.config.retry };
        if !verdict.up
            && let Some(row) = self.tables.real_servers.get_mut(&server)
        {
            row.reported = true;
        }
    }
}

fn id(server: ServerIndex) -> RealServerId {
    (VirtualServerId(server.0), server.1)
}
