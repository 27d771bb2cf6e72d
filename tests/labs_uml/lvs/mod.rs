//! IPVS tables as of C keepalived, and connections that survive, in a kernel with IPVS that is booted once for all
//! tests.
#![allow(clippy::unwrap_used, reason = "a test")]

mod cases;
mod dump;
mod failover;
mod order;
mod overload;
mod reconcile;
mod reloads;
mod samples;
mod settings;
mod support;
mod table;
mod traffic;
