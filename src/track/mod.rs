//! Trackers: scripts, files, processes, BFD sessions and interfaces that change the priority of virtual routers or put
//! them into fault. No I/O and no clock.
//!
//! A [`Tracker`] is a row with its configuration, its present [`Reading`] and the time of the last change. Instances and
//! sync groups have entries (`track_script` and the like) that name trackers; [`Reading::effect`] turns a reading into
//! the fault or weight of an entry. Interfaces are trackers as well, but their rows are the kernel's links.

mod file;
mod flap;
mod interface;
mod process;
mod reading;
mod row;
mod saved;
mod script;
mod session;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

pub use file::File;
pub use flap::{Flap, FlapReport};
pub use interface::{LinkStatus, Links};
pub use process::{Process, matches};
pub use reading::{Effect, Reading};
pub use row::Row;
pub use saved::Saved;
pub use script::{Outcome, Script, ScriptEnd};
pub use session::Session;
pub use tables::{AnyTracker, Indices, Tracker, TrackerId, Trackers};

use crate::config::model::TrackerKind;

/// The name of a kind of tracker in log lines.
pub fn noun(kind: TrackerKind) -> &'static str {
    match kind {
        TrackerKind::Interface => "interface",
        TrackerKind::Script => "script",
        TrackerKind::File => "file",
        TrackerKind::Process => "process",
        TrackerKind::Bfd => "BFD session",
    }
}

/// State of a tracker, as the reason of a change.
pub fn tracked(kind: TrackerKind, name: &str, reading: Reading) -> String {
    let says = match (kind, reading) {
        (_, Reading::Unknown) => "has no result yet".to_owned(),
        (_, Reading::Number(number)) => format!("has the number {number}"),
        (TrackerKind::Script, Reading::Up) => "succeeded".to_owned(),
        (TrackerKind::Script, Reading::Down) => "failed".to_owned(),
        (TrackerKind::Process, Reading::Up) => "has its quorum".to_owned(),
        (TrackerKind::Process, Reading::Down) => "has no quorum".to_owned(),
        (_, Reading::Up) => "is up".to_owned(),
        (_, Reading::Down) => "is down".to_owned(),
    };
    format!("tracked {} {name} {says}", noun(kind))
}
