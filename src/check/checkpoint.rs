//! The checkpoint of the checker process: the verdicts that the parent keeps, so that a replacement process can continue
//! after a crash.
//!
//! Services and servers are identified by row index, which is the same in the replacement
//! ([`Indices`](super::Indices)). Checkers have no persistent index and are identified by their configuration; if the predecessor
//! was of a release that encodes configurations differently, by their kind.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::machine::Check;
use super::rows::{Checker, LastAttempt, RealServerId, VirtualServerId};
use crate::config::lvs::CheckerKind;
use crate::state::{Lasting, Reader, Unusable, Writer};

/// Checkpoint: the quorums, weights and verdicts from which a replacement process resumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Virtual servers, and whether their quorum is met.
    quorums: Vec<(u32, bool)>,
    /// Weights that were set by SNMP. Only these are saved, since there may be ten thousand servers.
    weights: Vec<(ServerIndex, u32)>,
    /// Verdicts of checkers that have a result.
    verdicts: Vec<Verdict>,
    /// The kind of each checker in `verdicts`, in the same order.
    kinds: Vec<u8>,
    /// Real servers whose state has changed: whether they are alive, and since when.
    past: Vec<(ServerIndex, bool, Duration)>,
    /// With the last checkpoint of a process that hands over in order.
    handed_over: Option<HandedOver>,
}

/// Index of a virtual server, and position of the real server.
type ServerIndex = (u32, u32);

/// A verdict. The form stays; further values get a section of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    server: ServerIndex,
    /// Fingerprint of the checker's configuration.
    checker: u64,
    up: bool,
    contribution: i64,
}

/// What changes with each attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct HandedOver {
    /// The result of each checker in `verdicts`, in the same order.
    results: Vec<LastResult>,
    /// Late and postponed attempts.
    numbers: (u64, u64),
}

/// The result of a checker's last attempt. The form stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LastResult {
    failures: u32,
    reason: String,
    status: Option<i32>,
    last: Option<LastAttempt>,
}

impl Lasting for Checkpoint {
    const NAME: &'static str = "verdicts of checkers";
    const VERSION: u32 = 2;

    fn write(&self, sections: &mut Writer) {
        sections.put("quorums", &self.quorums);
        sections.put("weights", &self.weights);
        sections.put("verdicts", &self.verdicts);
        sections.put("kinds of checkers", &self.kinds);
        sections.put("past of servers", &self.past);
        if let Some(HandedOver { results, numbers }) = &self.handed_over {
            sections.put("results", results);
            sections.put("numbers of attempts", numbers);
        }
    }

    fn read(sections: &mut Reader<'_>) -> Result<Checkpoint, Unusable> {
        let results: Option<Vec<_>> = sections.take_if_present("results");
        let numbers = sections.take_if_readable("numbers of attempts");
        Ok(Checkpoint {
            quorums: sections.take("quorums")?,
            weights: sections.take("weights")?,
            verdicts: sections.take("verdicts")?,
            kinds: sections.take_if_readable("kinds of checkers"),
            past: sections.take_if_readable("past of servers"),
            handed_over: results.map(|results| HandedOver { results, numbers }),
        })
    }
}

impl Check {
    /// Returns the present verdicts, for a replacement of this process, with the results of the last attempts.
    pub fn last_checkpoint(&self) -> Checkpoint {
        let run = self.tables.checkers.values().filter(|row| row.has_run);
        let results = run.map(|row| LastResult {
            failures: row.failures,
            reason: row.reason.clone(),
            status: row.last_status,
            last: row.last,
        });
        let numbers = (self.tables.late, self.tables.postponed);
        Checkpoint { handed_over: Some(HandedOver { results: results.collect(), numbers }), ..self.checkpoint() }
    }

    /// Returns the present verdicts, for a replacement of this process.
    pub fn checkpoint(&self) -> Checkpoint {
        let tables = &self.tables;
        let set = tables
            .real_servers
            .iter()
            .filter(|(_, row)| row.regular().is_some_and(|server| server.weight != row.base_weight));
        let run = || tables.checkers.iter().filter(|(_, row)| row.has_run);
        let changed = tables.real_servers.iter().filter(|(_, row)| !row.since.is_zero());
        Checkpoint {
            kinds: run().map(|(_, row)| number(&row.config.kind)).collect(),
            quorums: tables.virtual_servers.iter().map(|(id, row)| (id.0, row.quorum_met)).collect(),
            weights: set.map(|((service, position), row)| ((service.0, *position), row.base_weight)).collect(),
            verdicts: run()
                .map(|(((service, position), _), row)| Verdict {
                    server: (service.0, *position),
                    checker: row.fingerprint,
                    up: row.up,
                    contribution: row.contribution,
                })
                .collect(),
            past: changed.map(|((service, position), row)| ((service.0, *position), row.alive, row.since)).collect(),
            handed_over: None,
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
        let handed_over = checkpoint.handed_over.as_ref();
        let mut results = handed_over.map_or(&[][..], |handed_over| &handed_over.results).iter();
        let is_known = |verdict: &Verdict| {
            let mut rows = self.tables.checkers.of(&id(verdict.server));
            rows.any(|(_, row)| row.fingerprint == verdict.checker)
        };
        let by_kind = !checkpoint.verdicts.iter().any(is_known);
        let mut kinds = checkpoint.kinds.iter();
        for verdict in &checkpoint.verdicts {
            let kind = kinds.next().filter(|_| by_kind);
            self.resume_checker(verdict, kind, results.next());
        }
        if let Some(HandedOver { numbers, .. }) = handed_over {
            (self.tables.late, self.tables.postponed) = *numbers;
        }
        for (server, alive, since) in &checkpoint.past {
            let server = id(*server);
            let is_alive = self.tables.checkers.of(&server).all(|(_, row)| row.up);
            if let Some(row) = self.tables.real_servers.get_mut(&server).filter(|_| is_alive == *alive) {
                (row.alive, row.since) = (is_alive, *since);
            }
        }
    }

    fn resume_checker(&mut self, verdict: &Verdict, kind: Option<&u8>, result: Option<&LastResult>) {
        let server = id(verdict.server);
        // Checkers with the same configuration, or of the same kind, are matched in order.
        let is = |row: &Checker| match kind {
            Some(kind) => number(&row.config.kind) == *kind,
            None => row.fingerprint == verdict.checker,
        };
        let same = |row: &Checker| is(row) && !row.has_run;
        let found = self.tables.checkers.of_mut(&server).find(|(_, row)| same(row));
        let Some((_, row)) = found else { return };
        row.up = verdict.up;
        row.has_run = true;
        row.contribution = verdict.contribution;
        // For a checker that is up, failures are counted from 0 again.
        row.failures = if verdict.up { 0 } else { row.config.retry };
        if let Some(LastResult { failures, reason, status, last }) = result {
            row.failures = *failures;
            (row.reason, row.last_status, row.last) = (reason.clone(), *status, *last);
        }
        if !verdict.up
            && let Some(row) = self.tables.real_servers.get_mut(&server)
        {
            row.reported = true;
        }
    }
}

/// The number of a kind in checkpoints; numbers stay.
fn number(kind: &CheckerKind) -> u8 {
    match kind {
        CheckerKind::Tcp(_) => 0,
        CheckerKind::Http(check) if check.tls => 1,
        CheckerKind::Http(_) => 2,
        CheckerKind::Smtp(_) => 3,
        CheckerKind::Dns(_) => 4,
        CheckerKind::Misc(_) => 5,
        CheckerKind::Udp(_) => 6,
        CheckerKind::Ping(_) => 7,
        CheckerKind::File { .. } => 8,
        CheckerKind::Bfd { .. } => 9,
    }
}

fn id(server: ServerIndex) -> RealServerId {
    (VirtualServerId(server.0), server.1)
}
