//! Readings of trackers, and their effects on instances.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::model::Track;

/// A file's number times its weight at or below this value means FAULT: no priority could compensate for it.
const FILE_FAULT: i64 = -254;

/// The present result of a tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reading {
    /// No result yet.
    #[default]
    Unknown,
    /// The script succeeds, the processes run, or the session or interface is up.
    Up,
    /// The opposite of up.
    Down,
    /// The number that a file contains.
    Number(i32),
}

/// The effect of a tracker on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Not decided yet: the instance stays in its initial state.
    Undecided,
    /// The instance cannot take part.
    Fault,
    /// A weight to add to the priority.
    Weight(i32),
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reading::Unknown => f.write_str("unknown"),
            Reading::Up => f.write_str("up"),
            Reading::Down => f.write_str("down"),
            Reading::Number(number) => number.fmt(f),
        }
    }
}

impl Reading {
    /// The effect of the reading for an entry. With weight 0, a tracker that is down puts the instance into FAULT, or a
    /// tracker that is up with `reverse`. A positive weight is added while the tracker is up, a negative weight while it
    /// is down; `reverse` inverts the sign. A file's number is multiplied by the weight.
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

    /// [`Reading::Up`] or [`Reading::Down`].
    pub fn of(up: bool) -> Reading {
        if up { Reading::Up } else { Reading::Down }
    }
}

fn fault_if(fault: bool) -> Effect {
    if fault { Effect::Fault } else { Effect::Weight(0) }
}
