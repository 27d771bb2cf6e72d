//! Mails and notify scripts.

#[path = "../support/config_support.rs"]
mod config_support;

mod mail;
mod scripts;
