//! The row indices of the checker tables, for a replacement of the process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::rows::{RealServer, VirtualServer};
use crate::config::lvs::{Endpoint, Protocol};
use crate::state::{self, Lasting, NextIndex, Reader, Unusable, Writer};

/// Identity of a virtual server across configurations: endpoint and protocol.
pub(super) type ServiceIdentity = (Endpoint, Option<Protocol>);

/// Identity of a real server in its service: whether it is a regular (not a sorry) server, and its address.
pub(super) type ServerIdentity = (bool, SocketAddr);

/// The row indices of all checker tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indices {
    /// Rows of virtualServerGroupTable by name.
    pub(super) groups: state::Indices<String>,
    /// Rows of virtualServerTable.
    pub(super) services: state::Indices<ServiceIdentity>,
    /// Marks of the virtual servers with a group, counted from 1.
    pub(super) marks: state::Indices<ServiceIdentity>,
    /// Positions of the servers of each service in realServerTable.
    pub(super) servers: BTreeMap<u32, state::Indices<ServerIdentity>>,
}

impl Lasting for Indices {
    const NAME: &'static str = "row indices of the checker process";
    const VERSION: u32 = 3;

    fn write(&self, sections: &mut Writer) {
        sections.put("groups", &self.groups);
        sections.put_text("services", &self.services);
        sections.put_text("marks", &self.marks);
        sections.put("servers", &self.servers);
    }

    /// States without the indices of services would be assigned to the wrong rows.
    fn read(sections: &mut Reader<'_>) -> Result<Indices, Unusable> {
        Ok(Indices {
            groups: sections.take("groups")?,
            services: sections.take_text("services")?,
            marks: sections.take_text("marks")?,
            servers: sections.take("servers")?,
        })
    }
}

/// The next free index of each table, except for real servers, whose next position is in the service's row.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) group: NextIndex,
    pub(super) service: NextIndex,
    pub(super) mark: NextIndex,
}

impl VirtualServer {
    pub(super) fn identity(&self) -> ServiceIdentity {
        (self.config.endpoint.clone(), self.config.protocol)
    }
}

impl RealServer {
    pub(super) fn identity(&self) -> ServerIdentity {
        (self.regular().is_some(), self.address())
    }
}
