//! The part of the BFD process.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The part of the BFD process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bfd {
    /// Sessions, in the order of their rows.
    pub sessions: Vec<BfdSession>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdSession {
    /// Its name.
    pub name: String,
    /// `neighbor_ip`.
    pub neighbor: IpAddr,
    /// `Up`, `Down`, `Init` or `AdminDown`.
    pub state: String,
    /// State of the other end; none if it is not heard.
    pub remote_state: Option<String>,
}
