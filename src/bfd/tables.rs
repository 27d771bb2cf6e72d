//! All rows of the BFD process, and how a configuration becomes rows.

use std::collections::HashMap;
use std::net::IpAddr;

use snmp::Table;

use super::indices::Indices;
use super::rows::{Session, SessionId};
use crate::config::model::Config;
use crate::state::{NextIndex, Numbering};
use crate::system::System;

/// Every table of the BFD process. Written by the machine, read by the views.
#[derive(Debug, Default)]
pub struct Tables {
    /// The daemon as a whole.
    pub system: System,
    /// The sessions.
    pub sessions: Table<SessionId, Session>,
    /// Packets of no session.
    pub strangers: u64,
    /// Sessions by the discriminator of this end.
    pub(super) discriminators: HashMap<u32, SessionId>,
    /// Sessions by the address of the other end.
    pub(super) neighbors: HashMap<IpAddr, SessionId>,
    pub(super) next: NextIndex,
}

impl Tables {
    /// The rows of a configuration.
    pub fn new(config: Config, version: String) -> Tables {
        Tables::numbered(config, version, Indices::default())
    }

    /// The same, with the indices of a predecessor: a session that it knew keeps its index.
    pub fn numbered(config: Config, version: String, indices: Indices) -> Tables {
        let mut tables = Tables::default();
        let mut numbering = Numbering::new(indices.sessions);
        for session in config.bfd {
            let id = SessionId(numbering.index_of(&session.name));
            tables.neighbors.insert(session.neighbor, id);
            tables.sessions.insert(id, Session::new(session));
        }
        tables.next = numbering.next();
        tables.system = System::new(version, config.global);
        tables
    }

    /// Ids of all sessions, in index order.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// Name of a session.
    pub fn name(&self, id: SessionId) -> Option<&str> {
        self.sessions.get(&id).map(|row| row.config.name.as_str())
    }
}
