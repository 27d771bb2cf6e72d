//! The processes: the parent with its watchdog, and its children. Wiring only.
//!
//! A kind of child is an entry of [`role`] and a `Process` of the [`harness`], which has everything that children have in
//! common.

mod bfd;
mod checker;
mod child;
pub mod cli;
mod configuration;
mod doing;
mod dump;
mod exit;
mod files;
mod harness;
mod held;
mod ipc;
mod kept;
mod logging;
mod names;
mod parent;
mod pidfile;
mod role;
mod sequences;
mod sessions;
mod startup;
mod sync_daemon;
mod systemd;
mod treatment;
mod vrrp;

pub use startup::run;
