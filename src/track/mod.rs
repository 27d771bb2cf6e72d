//! Trackers: what outside of VRRP influences the priority and the fault of virtual routers. No I/O and no clock.
//!
//! A [`Tracker`] is a row: its configuration, its [`Reading`] and since when it has that. Instances and sync groups hold
//! entries that name trackers; how an entry turns a reading into a fault or a weight is [`Reading::effect`]. Interfaces are
//! trackers too; their rows are those of the kernel's links.

mod file;
mod flap;
mod process;
mod saved;
mod script;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

pub use file::File;
pub use flap::{Flap, Told};
pub use process::{Process, matches};
pub use saved::Saved;
pub use script::{Outcome, Script, ScriptEnd};
pub use tables::{Indices, Session, Tracker, TrackerId, Trackers};

use serde::{Deserialize, Serialize};

use crate::config::model::{Track, TrackerKind};

/// A file's number that is beyond what a priority can make up for: FAULT.
const FILE_FAULT: i64 = -254;

/// What a tracker says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reading {
    /// Nothing yet.
    #[default]
    Unknown,
    /// As it should be.
    Up,
    /// Not so.
    Down,
    /// The number in a file.
    Number(i32),
}

/// What an entry makes of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing is decided yet: an instance does not leave its initial state.
    Undecided,
    /// The instance cannot take part.
    Fault,
    /// This is added to the priority.
    Weight(i32),
}

impl Reading {
    /// The effect of a tracker by an entry of this weight. Weight 0 decides between FAULT and not; a positive weight is
    /// added while the tracker is up, a negative one while it is down, and `reverse` turns the sign. A file's number is
    /// multiplied with the weight.
    pub fn effect(self, entry: &Track) -> Effect {
        let weight = i32::from(entry.weight);
        let signed = if entry.reverse { -weight } else { weight };
        match self {
            Reading::Unknown if weight == 0 => Effect::Undecided,
            Reading::Unknown => Effect::Weight(0),
            Reading::Number(number) if weight == 0 => fault_if((number != 0) != entry.reverse),
            Reading::Number(number) => {
                let product = i64::from(number) * i64::from(signed);
                if product <= FILE_FAULT {
                    Effect::Fault
                } else {
                    Effect::Weight(i32::try_from(product.min(254)).unwrap_or(254))
                }
            }
            Reading::Up | Reading::Down if weight == 0 => fault_if((self == Reading::Down) != entry.reverse),
            Reading::Up => Effect::Weight(if weight > 0 { signed } else { 0 }),
            Reading::Down => Effect::Weight(if weight < 0 { signed } else { 0 }),
        }
    }

    /// Up or down, as for an interface.
    pub fn of(up: bool) -> Reading {
        if up { Reading::Up } else { Reading::Down }
    }
}

fn fault_if(fault: bool) -> Effect {
    if fault { Effect::Fault } else { Effect::Weight(0) }
}

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
