//! Configuration files: what they mean, and the messages about them.

#[path = "../support/config_support.rs"]
mod config_support;

mod auth_hmac;
mod bfd;
mod diagnostics;
mod grammar;
mod keywords;
mod load;
mod lvs;
mod properties;
mod routes;
mod secrets;
mod table;
