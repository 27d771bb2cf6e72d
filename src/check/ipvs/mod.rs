//! IPVS, the kernel's load balancer: the table that it should have, the table that it has, and the changes from one to the
//! other.
//!
//! | part | purpose |
//! |---|---|
//! | [`Director`] | the machine: a row per service, changes to submit |
//! | [`wanted`], [`service_keys`] | the services that IPVS should have |
//! | [`difference`] | the minimal changes of a service |
//! | [`Table`] | the kernel's table as read, with statistics |
//! | [`mark_tables`], [`Marks`] | the tables of nftables that set the marks of groups, and their machine |
//! | [`sync`], [`sync_difference`] | threads for connection synchronisation |

mod change;
mod difference;
mod director;
mod marks;
mod rows;
mod service;
mod sync;
mod table;
#[cfg(test)]
mod tests;
mod timeouts;
mod wanted;

pub use change::{Change, Failure};
pub use difference::difference;
pub use director::Director;
pub(super) use marks::families;
pub use marks::{MarkChange, MarkElement, MarkMap, MarkTable, Marks, mark_tables};
pub use rows::{Refused, Row};
pub use service::{Destination, DestinationKey, Forwarding, Installed, Service, ServiceKey, Wanted, flags};
pub use sync::{sync, sync_difference};
pub use table::{DestinationRow, ServiceRow, Stats, SyncRole, SyncThread, Table, Timeouts};
pub use wanted::{destination, destination_key, service_keys, wanted};
