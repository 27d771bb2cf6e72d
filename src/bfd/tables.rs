//! All rows of the BFD process, and how they are built from a configuration.

use std::collections::HashMap;
use std::net::IpAddr;

use snmp::Table;

use super::indices::Indices;
use super::rows::{Session, SessionId};
use crate::config::model::Config;
use crate::state::{self, NextIndex, Numbering};
use crate::system::System;

/// The tables of the BFD process. The machine writes them, the views read them.
#[derive(Debug, Default)]
pub struct Tables {
    /// Data about the daemon as a whole.
    pub system: System,
    /// The sessions.
    pub sessions: Table<SessionId, Session>,
    /// Number of packets from unknown senders.
    pub strangers: u64,
    /// Sessions by the discriminator of this end.
    pub(super) discriminators: HashMap<u32, SessionId>,
    /// Sessions by the address of the other end.
    pub(super) neighbors: HashMap<IpAddr, SessionId>,
    pub(super) next: NextIndex,
}

impl Tables {
    /// Returns the present row indices. They only change with the configuration.
    pub fn indices(&self) -> Indices {
        let rows = self.sessions.iter().map(|(id, row)| (row.config.name.clone(), id.0)).collect();
        Indices { sessions: state::Indices { rows, next: self.next } }
    }

    /// Builds the rows of a configuration.
    pub fn new(config: Config, version: String) -> Tables {
        Tables::numbered(config, version, Indices::default())
    }

    /// Builds the rows of a configuration, with the indices of a predecessor: sessions that it had keep their index.
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
