//! Requests to the IPVS writer, and the answers.

use crate::check::ipvs::{Change, Failure, Table};
use crate::kernel::netlink::Refusal;
use crate::state::Done;

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

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::NoIpvs => Failure::NoIpvs(error.to_string()),
            Error::Refused(refusal) => Failure::Refused(refusal.to_string()),
        }
    }
}
