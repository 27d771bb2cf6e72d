//! The sequence numbers of `auth_type AH` and of `auth_hmac`, saved for the next start of the daemon.
//!
//! Without them an attacker could replay adverts from before a restart. At its start a router does not know which router
//! was master meanwhile, so each instance has two numbers: one that is not greater than any that the others send, to check
//! their adverts, and one that is greater than all it has sent or received, to continue with when it is master.
//!
//! The numbers of `auth_hmac` are times, and each sender has its own. With `anti_replay time` they are saved at a stop only:
//! after a kill, adverts older than `time_window` are refused anyway.

use serde::{Deserialize, Serialize};

use super::auth_hmac::SavedHmac;
use super::routers::Vrrp;
use super::rows::Instance;
use super::sequence_blocks::block;
use crate::config::model::{AntiReplay, Authentication};
use crate::state::Record;

/// The sequence numbers of all instances with `auth_type AH` or `auth_hmac` that have sent or received adverts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequences {
    instances: Vec<Numbers>,
    hmac: Vec<HmacNumbers>,
}

/// The sequence numbers of an instance with `auth_type AH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Numbers {
    name: String,
    /// Highest number known to be accepted: the others have sent it or a greater one.
    heard: u32,
    /// Upper bound: this router has neither sent nor received a greater number.
    reserved: u32,
}

/// The sequence numbers of an instance with `auth_hmac`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HmacNumbers {
    name: String,
    numbers: SavedHmac,
}

impl Record for Sequences {
    const NAME: &'static str = "sequence numbers";
    const VERSION: u32 = 2;
}

#[cfg(test)]
impl Sequences {
    /// The numbers of one instance.
    pub(super) fn of(name: &str, heard: u32, reserved: u32) -> Sequences {
        Sequences { instances: vec![Numbers { name: name.to_owned(), heard, reserved }], hmac: Vec::new() }
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
        let hmac = self.tables.instances.values().filter_map(|row| {
            let settings = row.config.auth_hmac.as_ref()?;
            let lasts = exiting || settings.anti_replay == AntiReplay::Monotonic;
            let numbers = row.hmac.save(settings, exiting);
            (lasts && !numbers.is_empty()).then(|| HmacNumbers { name: row.config.name.clone(), numbers })
        });
        Sequences { instances: rows.filter(known).map(numbers).collect(), hmac: hmac.collect() }
    }

    /// Restores the numbers of the daemon's previous run. Call it before [`Vrrp::resume`].
    pub fn recall_sequences(&mut self, sequences: &Sequences) {
        for numbers in &sequences.instances {
            let named = self.tables.instances.values_mut().find(|row| row.config.name == numbers.name);
            if let Some(row) = named.filter(|row| row.has_sequence()) {
                (row.sequence, row.reserved_sequence) = (numbers.heard, numbers.reserved);
            }
        }
        for HmacNumbers { name, numbers } in &sequences.hmac {
            let named = self.tables.instances.values_mut().find(|row| row.config.name == *name);
            if let Some(row) = named.filter(|row| row.config.auth_hmac.is_some()) {
                row.hmac.restore(numbers, false);
            }
        }
    }
}

impl Instance {
    fn has_sequence(&self) -> bool {
        matches!(self.config.authentication, Some(Authentication::Ah(_)))
    }
}
