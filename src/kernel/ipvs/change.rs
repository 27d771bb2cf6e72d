//! Requests to the IPVS writer and their answers.

use super::table::{Destination, DestinationKey, Service, ServiceKey, SyncRole, SyncThread, Table, Timeouts};
use crate::kernel::address::Done;
use crate::kernel::netlink::Refusal;

/// One change of the kernel's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Add a service; one that is there is set.
    NewService(Service),
    /// Set scheduler, flags, persistence and engine of a service; its connections and destinations stay.
    SetService(Service),
    /// Remove a service with its destinations.
    DelService(ServiceKey),
    /// Add a destination; one that is there is set.
    NewDestination(ServiceKey, Destination),
    /// Set a destination, its connections stay; one that is not there is added.
    SetDestination(ServiceKey, Destination),
    /// Remove a destination.
    DelDestination(ServiceKey, DestinationKey),
    /// Remove all services.
    Flush,
    /// Set time-outs.
    SetTimeouts(Timeouts),
    /// Start a synchronisation thread; that one of this role runs already is success, whatever its settings.
    StartSync(SyncThread),
    /// Stop it.
    StopSync(SyncRole),
}

/// One thing to be done; the token comes back with the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Change the table.
    Change(u64, Change),
    /// Read the whole table, after the changes submitted before.
    Dump(u64),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Request::Change`].
    Changed {
        /// That of the request.
        token: u64,
        /// Success or why not.
        outcome: Result<Done, Error>,
    },
    /// To [`Request::Dump`].
    Dumped {
        /// That of the request.
        token: u64,
        /// The table or why not.
        table: Result<Table, Error>,
    },
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel has no IPVS. The next request looks for it again.
    #[error("the kernel has no IPVS: its module ip_vs is not loaded (modprobe ip_vs)")]
    NoIpvs,
    /// The kernel said no, or could not be reached. A scheduler or persistence engine it has no module for is
    /// `ENOENT` on a service; `ESRCH` on a destination means that the service is not there.
    #[error(transparent)]
    Refused(#[from] Refusal),
}
