//! Views that tell people and programs: the log, alert mail, the notify scripts and the dump files.
//!
//! Each works in a thread of its own behind a bounded queue that drops and counts rather than waits, so none of
//! them can hold up the state machines.

pub mod bfd_messages;
pub mod check_messages;
pub mod check_scripts;
pub mod dump;
pub mod log;
pub mod mail;
pub mod messages;
mod queue;
pub mod scripts;
