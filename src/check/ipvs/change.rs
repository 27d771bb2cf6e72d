//! Changes of the kernel's IPVS table.

use std::fmt;

use super::service::{Destination, DestinationKey, Service, ServiceKey};
use super::table::{SyncRole, SyncThread, Timeouts};

/// One change of the kernel's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Add a service; if it exists, change its settings.
    NewService(Service),
    /// Change scheduler, flags, persistence and engine of a service, keeping its connections and destinations.
    SetService(Service),
    /// Remove a service and its destinations.
    DelService(ServiceKey),
    /// Add a destination; if it exists, change its settings.
    NewDestination(ServiceKey, Destination),
    /// Change a destination, keeping its connections; if it does not exist, add it.
    SetDestination(ServiceKey, Destination),
    /// Remove a destination.
    DelDestination(ServiceKey, DestinationKey),
    /// Remove all services.
    Flush,
    /// Set time-outs.
    SetTimeouts(Timeouts),
    /// Start a synchronisation thread; success if one of this role is already running, whatever its settings.
    StartSync(SyncThread),
    /// Stop the synchronisation thread of a role.
    StopSync(SyncRole),
}

impl Change {
    /// The service and the destination that it changes; `None` for a change of the whole table.
    pub fn target(&self) -> Option<(ServiceKey, Option<DestinationKey>)> {
        Some(match self {
            Change::NewService(service) | Change::SetService(service) => (service.key, None),
            Change::DelService(key) => (*key, None),
            Change::NewDestination(key, destination) | Change::SetDestination(key, destination) => {
                (*key, Some(destination.key))
            }
            Change::DelDestination(key, destination) => (*key, Some(*destination)),
            Change::Flush | Change::SetTimeouts(_) | Change::StartSync(_) | Change::StopSync(_) => return None,
        })
    }

    /// Whether it removes services.
    pub fn removes_services(&self) -> bool {
        matches!(self, Change::DelService(_) | Change::Flush)
    }
}

impl fmt::Display for Change {
    /// The object that it changes, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::NewService(service) | Change::SetService(service) => {
                write!(f, "service {} with scheduler {}", service.key, service.scheduler)
            }
            Change::DelService(key) => write!(f, "service {key}"),
            Change::NewDestination(key, Destination { key: server, .. })
            | Change::SetDestination(key, Destination { key: server, .. })
            | Change::DelDestination(key, server) => write!(f, "real server {server} of {key}"),
            Change::Flush => f.write_str("lvs_flush"),
            Change::SetTimeouts(_) => f.write_str("lvs_timeouts"),
            Change::StartSync(_) | Change::StopSync(_) => f.write_str("lvs_sync_daemon"),
        }
    }
}

/// Why the kernel did not make a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The kernel has no IPVS, and so no services; with a message.
    #[error("{0}")]
    NoIpvs(String),
    /// The kernel refused the change, for this reason.
    #[error("{0}")]
    Refused(String),
}
