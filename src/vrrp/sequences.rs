//! The sequence numbers of `auth_type AH`, saved for the next start of the daemon.
//!
//! Without them an attacker could replay adverts from before a restart. At its start a router does not know which router
//! was master meanwhile, so each instance has two numbers: one that is not greater than any that the others send, to check
//! their adverts, and one that is greater than all it has sent or received, to continue with when it is master.

use serde::{Deserialize, Serialize};

use super::routers::Vrrp;
use super::rows::Instance;
use super::sequence_blocks::block;
use crate::config::model::Authentication;
use crate::state::Record;

/// The sequence numbers of all instances with `auth_type AH` that have sent or received adverts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequences {
    instances: Vec<Numbers>,
}

/// The sequence numbers of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Numbers {
    name: String,
    /// Highest number known to be accepted: the others have sent it or a greater one.
    heard: u32,
    /// Upper bound: this router has neither sent nor received a greater number.
    reserved: u32,
}

impl Record for Sequences {
    const NAME: &'static str = "sequence numbers";
    const VERSION: u32 = 1;
}

#[cfg(test)]
impl Sequences {
    /// The numbers of one instance.
    pub(super) fn of(name: &str, heard: u32, reserved: u32) -> Sequences {
        Sequences { instances: vec![Numbers { name: name.to_owned(), heard, reserved }] }
    }
}

impl Vrrp {
    /// Returns the present numbers. They are exact when the process is `exiting`; before that they change once per block.
    pub fn sequences(&self, exiting: bool) -> Sequences {
        let rows = self.tables.instances.values().filter(|row| row.has_sequence());
        let numbers = |row: &Instance| {
            let (start, beyond) = block(row.sequence);
            let (heard, reserved) = if exiting { (row.sequence, 0) } else { (start, beyond) };
            Numbers { name: row.config.name.clone(), heard, reserved: reserved.max(row.reserved_sequence) }
        };
        let known = |row: &&Instance| row.sequence > 0 || row.reserved_sequence > 0;
        Sequences { instances: rows.filter(known).map(numbers).collect() }
    }

    /// Restores the numbers of the daemon's previous run. Call it before [`Vrrp::resume`].
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
