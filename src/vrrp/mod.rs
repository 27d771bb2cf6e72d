//! VRRP: its tables and its state machines. No I/O and no clock.
//!
//! [`Vrrp::handle`] takes an [`Event`] and the time; it writes rows in [`Tables`] and leaves [`Action`]s for the
//! outside and [`Change`]s for the views in [`Vrrp::take_output`]. One event is handled to its end before the next.

mod address;
mod announce;
mod checkpoint;
mod event;
mod faults;
mod group;
mod held;
mod indices;
mod interface;
mod links;
mod lookup;
mod machine;
mod receive;
mod recent;
mod reload;
mod rows;
mod sequences;
mod tables;
#[cfg(test)]
mod tests;
mod vmac;

pub use checkpoint::Checkpoint;
pub use event::{
    Action, AddressDone, AddressOp, Cause, Change, Complaint, Event, Fault, KernelAddress, LinkState, Occasion, Output,
    Received, Secondaries, Setting, TimerKey,
};
pub use held::Held;
pub use indices::Indices;
pub use interface::{Addresses, Interface, InterfaceAddress, Interfaces, Use};
pub use machine::Vrrp;
pub use recent::Recent;
pub use rows::{
    Address, AddressId, Announcements, Complaints, Counters, Group, GroupId, Instance, InstanceId, Member, State,
};
pub use sequences::Sequences;
pub use tables::Tables;
pub use vmac::{Macvlan, Vmac, VmacOp, WantedVmac};
