//! VRRP-MIB and VRRPV3-MIB: rows, values, counters and notifications for a configuration.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod bench;
mod counters;
mod notifications;
mod rows;
mod walk;
