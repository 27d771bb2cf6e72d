//! The row indices of the sessions, for a replacement of the process.

use serde::{Deserialize, Serialize};

use crate::state::{self, Record};

/// The row indices of the sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    /// By name.
    pub(super) sessions: state::Indices<String>,
}

impl Record for Indices {
    const NAME: &'static str = "row indices of the BFD process";
    const VERSION: u32 = 1;
}
