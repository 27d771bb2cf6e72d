//! The VRRP process: its sources and timers. The [harness](super::harness) provides the event loop.
//!
//! Sources with much work (announcements, kernel events) do a bounded part of it and request another turn.

mod actions;
mod announcer;
mod checkpoint;
mod commands;
mod configured_feed;
mod firewall;
mod kind;
mod parts;
mod sockets;
mod sources;
mod start;
mod trackers;
mod translate;
mod turn;

pub(super) use kind::KIND;
