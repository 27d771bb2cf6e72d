//! Connections, name look-ups and programs of the checkers.

#[path = "../support/net_support.rs"]
mod net_support;

mod connections;
mod endless;
mod programs;
mod searches;
