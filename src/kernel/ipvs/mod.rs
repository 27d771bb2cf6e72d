//! IPVS, the kernel's load balancer, through its generic netlink family.
//!
//! | part | purpose |
//! |---|---|
//! | [`Writer`] | changes and dumps on a thread of its own, results as events |
//! | [`Table`] | the rows: services, destinations, statistics, synchronisation, time-outs |
//! | [`difference`] | the minimal changes from the current table to the wanted one |
//! | [`rows`], [`destination`], [`sync`] | rows of the wanted table, from configuration and checkers |
//!
//! Every update is a reconciliation: dump, [`difference`], submit. That covers the start, a reload, recovery from errors
//! and changes by other programs.

mod change;
mod configured;
mod difference;
mod socket;
mod table;
mod wire;
mod writer;

pub use change::{Answer, Change, Error, Request};
pub use configured::{destination, rows, sync};
pub use difference::{difference, sync_difference};
pub use table::{
    Destination, DestinationKey, DestinationRow, Forwarding, Service, ServiceKey, ServiceRow, Stats, SyncRole,
    SyncThread, Table, Timeouts, flags,
};
pub use writer::Writer;
