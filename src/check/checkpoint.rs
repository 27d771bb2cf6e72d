//! What a replacement process needs in order to go on where its predecessor was killed.
//!
//! A text of tab-separated lines, by how services are reached and not by index, for a replacement numbers its rows anew.
//! Whatever cannot be read is left out: that checker then starts as always.

use std::collections::HashMap;
use std::fmt::Write;

use super::machine::Check;
use super::rows::{CheckerId, RealServerId, VirtualServer, VirtualServerId};

/// How a service is reached, as one word of a checkpoint.
fn service(row: &VirtualServer) -> String {
    format!("{:?} {:?}", row.config.endpoint, row.config.protocol).replace(['\t', '\n'], " ")
}

impl Check {
    /// The present verdicts, for a replacement of this process.
    pub fn checkpoint(&self) -> String {
        let mut text = String::new();
        // Writing to a string can not fail.
        for (id, row) in self.tables.virtual_servers.iter() {
            let name = service(row);
            let _ = writeln!(text, "quorum\t{name}\t{}", row.quorum_met);
            for server in self.tables.real_server_ids(*id) {
                let Some(row) = self.tables.real_servers.get(&server) else { continue };
                let address = row.address();
                // As configured unless SET: of ten thousand servers this is little to tell.
                if row.regular().is_some_and(|server| server.weight != row.base_weight) {
                    let _ = writeln!(text, "weight\t{name}\t{address}\t{}", row.base_weight);
                }
                for ((_, position), checker) in self.tables.checkers.of(&server).filter(|(_, row)| row.has_run) {
                    let (up, contribution) = (checker.up, checker.contribution);
                    let _ = writeln!(text, "checker\t{name}\t{address}\t{position}\t{up}\t{contribution}");
                }
            }
        }
        text
    }

    /// Takes over what a predecessor knew, before [`Event::Start`](super::Event::Start).
    pub fn resume(&mut self, checkpoint: &str) {
        if checkpoint.is_empty() {
            return;
        }
        let services: HashMap<String, VirtualServerId> =
            self.tables.virtual_servers.iter().map(|(id, row)| (service(row), *id)).collect();
        let servers: HashMap<(VirtualServerId, String), RealServerId> = self
            .tables
            .real_servers
            .iter()
            .filter(|(_, row)| row.regular().is_some())
            .map(|(id, row)| ((id.0, row.address().to_string()), *id))
            .collect();
        for line in checkpoint.lines() {
            let words: Vec<&str> = line.split('\t').collect();
            let server = |name: &str, address: &str| {
                let service = services.get(name)?;
                servers.get(&(*service, address.to_owned())).copied()
            };
            match words[..] {
                ["quorum", name, met] => {
                    let row = services.get(name).and_then(|id| self.tables.virtual_servers.get_mut(id));
                    if let (Some(row), Ok(met)) = (row, met.parse()) {
                        row.quorum_met = met;
                        row.told = true;
                    }
                }
                ["weight", name, address, weight] => {
                    let row = server(name, address).and_then(|id| self.tables.real_servers.get_mut(&id));
                    if let (Some(row), Ok(weight)) = (row, weight.parse()) {
                        row.base_weight = weight;
                        row.weight = weight;
                    }
                }
                ["checker", name, address, position, up, contribution] => {
                    let id = server(name, address).zip(position.parse().ok());
                    self.resume_checker(id, up.parse().ok(), contribution.parse().ok());
                }
                _ => {}
            }
        }
    }

    fn resume_checker(&mut self, id: Option<CheckerId>, up: Option<bool>, contribution: Option<i64>) {
        if up == Some(false)
            && let Some(server) = id.and_then(|id| self.tables.real_servers.get_mut(&id.0))
        {
            server.told = true;
        }
        let row = id.and_then(|id| self.tables.checkers.get_mut(&id));
        if let (Some(row), Some(up), Some(contribution)) = (row, up, contribution) {
            row.up = up;
            row.has_run = true;
            row.contribution = contribution;
            // The counter of failures starts anew for a checker that is up.
            row.failures = if up { 0 } else { row.config.retry };
        }
    }
}
