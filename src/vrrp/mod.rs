//! VRRP: its tables and its state machines. No I/O and no clock.
//!
//! [`Vrrp::handle`] takes an [`Event`] and the time; it updates the rows in [`Tables`] and queues [`Action`]s for the
//! process and [`Change`]s for the views, which [`Vrrp::take_output`] returns. Each event is handled completely before the
//! next.

mod address;
mod announce;
mod assess;
mod auth_hmac;
mod build;
mod cause;
mod checkpoint;
mod checks;
mod clock;
mod complaint;
mod counters;
mod event;
mod faults;
mod firewall;
mod firewall_events;
mod group;
mod held;
mod host_route;
mod host_rule;
mod ids;
mod indices;
mod inherit;
mod interface;
mod links;
mod lookup;
mod machine;
mod op;
mod receive;
mod recent;
mod reconcile;
mod reload;
mod resolve;
mod route;
mod router;
mod routers;
mod routing;
mod routing_events;
mod rows;
mod rule;
mod ruleset;
mod send;
mod sequence_blocks;
mod sequences;
mod size;
mod state;
mod surroundings;
mod tables;
#[cfg(test)]
mod tests;
mod trackers;
mod transition;
mod turn;
mod vmac;
mod vmac_row;
mod vmac_wanted;
mod words;

pub use address::{Address, AddressKey};
pub use auth_hmac::HmacState;
pub use cause::{Cause, Fault, LinkState, Occasion, Setting};
pub use checkpoint::Checkpoint;
pub use complaint::{Complaint, Complaints};
pub use counters::{Counters, RouterCounters, RouterErrors};
pub use event::{Action, Change, Event, Output, Received, TimerKey};
pub use firewall::{Firewall, FirewallRequest};
pub use held::{Held, nft_word};
pub use host_route::{HostHop, HostRoute, RouteDevices, RouteKey};
pub use host_rule::HostRule;
pub use ids::{AddressId, GroupId, InstanceId, ObjectId, Owner, RouteId, RouterKey, RuleId};
pub use indices::Indices;
pub use interface::{AddressRole, Addresses, Interface, InterfaceAddress, Interfaces, KernelAddress, Macvlan};
pub use op::{Secondaries, WantedVmac};
pub use recent::Recent;
pub use route::Route;
pub use routers::Vrrp;
pub use rows::{Announcements, Group, Instance, Member};
pub use rule::Rule;
pub use ruleset::{Element, ElementDevice, FirewallChange, FirewallLayout};
pub use sequences::Sequences;
pub use state::State;
pub use tables::Tables;
pub use vmac_row::Vmac;
