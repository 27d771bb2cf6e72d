//! The MIB modules: files, rows, values and notifications.

#[path = "../support/config_support.rs"]
mod config_support;
#[path = "../support/mib_rows.rs"]
mod mib_rows;
#[path = "../support/mib_text.rs"]
mod mib_text;

mod check;
mod file;
mod ha;
mod rfc;
mod routes;
mod served;
mod trackers;
mod traps;
