//! Requests to the IPVS writer, and the answers.

use super::table::{Destination, DestinationKey, Service, ServiceKey, SyncRole, SyncThread, Table, Timeouts};
use crate::kernel::netlink::Refusal;
use crate::state::Done;

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

/// A request; its token is returned with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Change the table.
    Change(u64, Change),
    /// Read the whole table, after all changes submitted earlier.
    Dump(u64),
}

/// Answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Request::Change`].
    Changed {
        /// Token of the request.
        token: u64,
        /// Success or the error.
        outcome: Result<Done, Error>,
    },
    /// To [`Request::Dump`].
    Dumped {
        /// Token of the request.
        token: u64,
        /// The table or the error.
        table: Result<Table, Error>,
    },
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel has no IPVS. The next request checks again.
    #[error("the kernel has no IPVS: its module ip_vs is not loaded (modprobe ip_vs)")]
    NoIpvs,
    /// The kernel refused the request, or the socket failed. `ENOENT` for a service: the kernel has no module for its
    /// scheduler or persistence engine. `ESRCH` for a destination: its service does not exist.
    #[error(transparent)]
    Refused(#[from] Refusal),
}
