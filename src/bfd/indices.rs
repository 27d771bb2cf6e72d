//! The indices of the sessions, for a replacement of the process.

use serde::{Deserialize, Serialize};

use super::tables::Tables;
use crate::state::{self, Record};

/// Which session has which index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    /// By name.
    pub(super) sessions: state::Indices<String>,
}

impl Record for Indices {
    const NAME: &'static str = "row indices of the BFD process";
    const VERSION: u32 = 1;
}

impl Tables {
    /// The present indices. They change with the configuration only.
    pub fn indices(&self) -> Indices {
        let rows = self.sessions.iter().map(|(id, row)| (row.config.name.clone(), id.0)).collect();
        Indices { sessions: state::Indices { rows, next: self.next } }
    }
}
