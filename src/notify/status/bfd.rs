//! The part of the BFD process.

use crate::bfd::Tables;
use crate::status::{Bfd, BfdSession};

/// The sessions.
pub fn bfd(tables: &Tables) -> Bfd {
    let sessions = tables.sessions.values().map(|row| BfdSession {
        name: row.config.name.clone(),
        neighbor: row.config.neighbor,
        state: row.state.word().to_owned(),
        remote_state: row.remote.map(|remote| remote.state.word().to_owned()),
    });
    Bfd { sessions: sessions.collect() }
}
