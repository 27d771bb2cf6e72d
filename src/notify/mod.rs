//! Views of state changes: the log, alert mail, notify scripts, FIFOs and D-Bus; and the dump files.
//!
//! Each view has its own thread behind a bounded queue. A full queue drops and counts items, so that no view delays the
//! state machines.

pub mod bfd_messages;
pub mod check_messages;
pub mod check_scripts;
pub mod dbus;
pub mod dump;
pub mod fifo;
mod fifo_lines;
pub mod log;
pub mod mail;
pub mod messages;
mod objects;
mod queue;
mod record;
mod reporters;
pub mod scripts;
pub mod status;
mod syslog;
pub mod targets;
pub mod view;

#[cfg(test)]
mod tests;
