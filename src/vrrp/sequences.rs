//! The sequence numbers of `auth_type AH`, for the next start of the daemon.
//!
//! Without them a stranger could play back what a router sent before it was started anew. At its start nobody knows who
//! has been master meanwhile, so each instance has two: one that is surely not greater than what the others send, to
//! judge them by, and one that is surely greater than all it has sent or heard itself, to go on with once it is master.

use serde::{Deserialize, Serialize};

use super::routers::Vrrp;
use super::rows::Instance;
use super::sequence_blocks::block;
use crate::config::model::Authentication;
use crate::state::Record;

/// The numbers of all instances with `auth_type AH` that have any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequences {
    instances: Vec<Numbers>,
}

/// The numbers of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Numbers {
    name: String,
    /// The others have sent it, or a greater one.
    heard: u32,
    /// This router has neither sent nor heard a greater one.
    reserved: u32,
}

impl Record for Sequences {
    const NAME: &'static str = "sequence numbers";
    const VERSION: u32 = 1;
}

#[cfg(test)]
impl Sequences {
    /// Those of one instance.
    pub(super) fn of(name: &str, heard: u32, reserved: u32) -> Sequences {
        Sequences { instances: vec![Numbers { name: name.to_owned(), heard, reserved }] }
    }
}

impl Vrrp {
    /// The present numbers. At the `end` they are exact; before that they change once in a block.
    pub fn sequences(&self, end: bool) -> Sequences {
        let rows = self.tables.instances.values().filter(|row| row.has_sequence());
        let numbers = |row: &Instance| {
            let (begin, behind) = block(row.sequence);
            let (heard, reserved) = if end { (row.sequence, 0) } else { (begin, behind) };
            Numbers { name: row.config.name.clone(), heard, reserved: reserved.max(row.reserved_sequence) }
        };
        let known = |row: &&Instance| row.sequence > 0 || row.reserved_sequence > 0;
        Sequences { instances: rows.filter(known).map(numbers).collect() }
    }

    /// Takes over the numbers of a former daemon, before [`Vrrp::resume`].
    pub fn recall_sequences(&mut self, sequences: &Sequences) {
        for numbers in &sequences.instances {
            let named = self.tables.instances.values_mut().find(|row| row.config.name == numbers.name);
            if let Some(row) = named.filter(|row| row.has_sequence()) {
                (row.sequence, row.reserved_sequence) = (numbers.heard, numbers.reserved);
            }
        }
    }
}

impl Instance {
    fn has_sequence(&self) -> bool {
        matches!(self.config.authentication, Some(Authentication::Ah(_)))
    }
}
