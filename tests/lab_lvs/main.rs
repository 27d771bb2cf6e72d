//! The daemon keeps IPVS as C keepalived does, and so that connections survive: in a kernel that has IPVS, one boot
//! for all.
#![allow(clippy::unwrap_used, reason = "a test")]

mod cases;
mod failover;
mod overload;
mod reconcile;
mod reloads;
mod samples;
mod settings;
mod support;
mod table;
mod traffic;
