//! IPVS, the kernel's load balancer, through its generic netlink family.
//!
//! | part | for |
//! |---|---|
//! | [`Writer`] | changes and dumps on a thread of its own, results as events |
//! | [`Table`] | the rows: services, destinations, statistics, synchronisation, time-outs |
//! | [`difference`] | the least changes from the table that is to the one that is wanted |
//! | [`rows`], [`destination`], [`sync`] | rows from what is configured and checked |
//!
//! Reconcile, not replay: dump, [`difference`], submit. Starting, reloading, recovering and putting right what an
//! outsider changed are all this.

mod change;
mod configured;
mod difference;
mod socket;
mod table;
mod wire;
mod writer;

pub use super::address::Done;
pub use change::{Answer, Change, Error, Request};
pub use configured::{destination, rows, sync};
pub use difference::{difference, sync_difference};
pub use table::{
    Destination, DestinationKey, DestinationRow, Forwarding, Service, ServiceKey, ServiceRow, Stats, SyncRole,
    SyncThread, Table, Timeouts, flags,
};
pub use writer::Writer;
