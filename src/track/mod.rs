//! Trackers: what outside of VRRP influences the priority and the fault of virtual routers. No I/O and no clock.
//!
//! A [`Tracker`] is a row: its configuration, its [`Reading`] and since when it has that. Instances and sync groups hold
//! entries that name trackers; how an entry turns a reading into a fault or a weight is [`Reading::effect`]. Interfaces are
//! trackers too; their rows are those of the kernel's links.

mod file;
mod flap;
mod interface;
mod process;
mod reading;
mod saved;
mod script;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

pub use file::File;
pub use flap::{Flap, Told};
pub use interface::{Links, Seen};
pub use process::{Process, matches};
pub use reading::{Effect, Reading};
pub use saved::Saved;
pub use script::{Outcome, Script, ScriptEnd};
pub use tables::{Indices, Session, Tracker, TrackerId, Trackers};

use crate::config::model::TrackerKind;

/// Words for a kind of tracker, as in logs.
pub fn noun(kind: TrackerKind) -> &'static str {
    match kind {
        TrackerKind::Interface => "interface",
        TrackerKind::Script => "script",
        TrackerKind::File => "file",
        TrackerKind::Process => "process",
        TrackerKind::Bfd => "BFD session",
    }
}
