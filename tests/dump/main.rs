//! The dumps of SIGUSR1 and SIGUSR2 and that in JSON.

#[path = "../support/config_support.rs"]
mod config_support;
#[path = "../support/exporters.rs"]
mod exporters;

mod data;
mod json;
