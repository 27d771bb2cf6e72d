//! The processes: the parent, which starts and watches the children, and the children. They connect machines, kernel
//! and views, and have no protocol logic.
//!
//! A kind of child is an entry of [`role`] and a `Process` of the [`harness`], which contains the parts that all
//! children share.

mod adopt;
mod auto_priority;
mod bfd;
mod buffers;
mod checker;
mod child;
pub mod cli;
mod configuration;
mod context;
mod control_command;
mod control_socket;
mod core_files;
mod dump;
mod engine;
mod exit;
mod files;
mod handover;
mod harness;
mod held;
mod ipc;
mod ipvs_host;
mod logging;
mod names;
mod needs;
mod order_command;
mod parent;
mod pidfile;
mod privileges;
mod record_file;
mod refusal;
mod reload_command;
mod role;
mod sequences;
mod sessions;
mod startup;
mod status_command;
mod sync_daemon;
mod systemd;
mod tuning;
mod upgrade_command;
mod vrrp;

pub use startup::run;
