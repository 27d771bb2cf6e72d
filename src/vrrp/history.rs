//! The last transitions of all instances.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::state::State;

/// Number of transitions that are kept.
const KEPT: usize = 10;

/// The last transitions of all instances.
#[derive(Debug, Default)]
pub struct History(VecDeque<Transition>);

/// A transition of an instance. Checkpoints contain it: its form stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Duration,
    /// Name of the instance, which may have been removed since.
    pub instance: String,
    /// Its priority then.
    pub priority: u8,
    /// The state before.
    pub from: State,
    /// The state since then.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

impl History {
    /// The transitions, the latest first.
    pub fn latest_first(&self) -> impl Iterator<Item = &Transition> {
        self.0.iter().rev()
    }

    /// The transitions of a checkpoint, the earliest first.
    pub(super) fn of(transitions: Vec<Transition>) -> History {
        let surplus = transitions.len().saturating_sub(KEPT);
        History(transitions.into_iter().skip(surplus).collect())
    }

    pub(super) fn add(&mut self, transition: Transition) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(transition);
    }
}
