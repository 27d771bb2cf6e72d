//! The processes: the parent with its watchdog, and the VRRP process. Wiring only.

mod agent;
mod checker;
mod child;
pub mod cli;
mod doing;
mod dump;
mod exit;
mod files;
mod held;
mod ipc;
mod kept;
mod names;
mod orders;
mod parent;
mod pidfile;
mod role;
mod sequences;
mod startup;
mod stopping;
mod sync_daemon;
mod systemd;
mod treatment;
mod vrrp;

pub use startup::run;
