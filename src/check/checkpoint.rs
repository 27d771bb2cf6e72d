//! What a replacement process needs in order to go on where its predecessor was killed.
//!
//! Services and servers go by row index: a replacement numbers its rows as its predecessor did
//! ([`Indices`](super::Indices)). Checkers go by their configuration, since their numbers mean nothing outside.

use serde::{Deserialize, Serialize};

use super::machine::Check;
use super::rows::{Checker, RealServerId, VirtualServerId};
use crate::state::Record;

/// The present verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Virtual servers, and whether their quorum is met.
    quorums: Vec<(u32, bool)>,
    /// Weights that were SET: of ten thousand servers these are few.
    weights: Vec<(Server, u32)>,
    /// Checkers that have come to a result.
    verdicts: Vec<Verdict>,
}

/// Index of a virtual server, and position of the real server.
type Server = (u32, u32);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    server: Server,
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
    /// The present verdicts, for a replacement of this process.
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

    /// Takes over what a predecessor knew, before [`Event::Start`](super::Event::Start).
    pub fn resume(&mut self, checkpoint: &Checkpoint) {
        for (service, met) in &checkpoint.quorums {
            if let Some(row) = self.tables.virtual_servers.get_mut(&VirtualServerId(*service)) {
                row.quorum_met = *met;
                row.told = true;
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
        // Those that are configured alike come in order.
        let same = |row: &Checker| row.fingerprint == verdict.checker && !row.has_run;
        let found = self.tables.checkers.of_mut(&server).find(|(_, row)| same(row));
        let Some((_, row)) = found else { return };
        row.up = verdict.up;
        row.has_run = true;
        row.contribution = verdict.contribution;
        // The counter of failures starts anew for a checker that is up.
        row.failures = if verdict.up { 0 } else { row.config.retry };
        if !verdict.up
            && let Some(row) = self.tables.real_servers.get_mut(&server)
        {
            row.told = true;
        }
    }
}

fn id(server: Server) -> RealServerId {
    (VirtualServerId(server.0), server.1)
}
