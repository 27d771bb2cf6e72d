//! What a tracker says, and what an entry makes of it.

use serde::{Deserialize, Serialize};

use crate::config::model::Track;

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
