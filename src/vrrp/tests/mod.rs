//! Tests of the machine: routers on a LAN in virtual time, and single events.

mod addresses;
mod ah;
mod delays;
mod election;
mod firewall;
mod fixtures;
mod groups;
mod hmac;
mod host;
mod indices;
mod interfaces;
mod lan;
mod own_links;
mod packets;
mod past;
mod reload;
mod routes;
mod simulated;
mod statics;
mod storm;
mod strangers;
mod trackers;
mod unbound;
mod unicast;
mod vmac;
mod yielding;
