//! The row indices of the checker tables, for a replacement of the process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::rows::{RealServer, VirtualServer};
use crate::config::lvs::{Endpoint, Protocol};
use crate::state::{self, NextIndex, Record};

/// What a virtual server is known by across configurations.
pub(super) type Service = (Endpoint, Option<Protocol>);

/// What a real server is known by in its service: whether it is a regular one, and its address.
pub(super) type Server = (bool, SocketAddr);

/// Which row has which index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    /// virtualServerGroupTable, by name.
    pub(super) groups: state::Indices<String>,
    /// virtualServerTable.
    pub(super) services: state::Indices<Service>,
    /// realServerTable: the positions of each service's servers.
    pub(super) servers: BTreeMap<u32, state::Indices<Server>>,
}

impl Record for Indices {
    const NAME: &'static str = "row indices of the checker process";
    const VERSION: u32 = 1;
}

/// The index of the next new row of each table, as far as it is not in a row.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) group: NextIndex,
    pub(super) service: NextIndex,
}

impl VirtualServer {
    pub(super) fn identity(&self) -> Service {
        (self.config.endpoint.clone(), self.config.protocol)
    }
}

impl RealServer {
    pub(super) fn identity(&self) -> Server {
        (self.regular().is_some(), self.address())
    }
}
