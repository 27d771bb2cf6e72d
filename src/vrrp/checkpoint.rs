//! The checkpoint of the VRRP process: the states that the parent keeps, so that a replacement process can continue after
//! a crash.
//!
//! Instances are identified by row index, which is the same in the replacement ([`Indices`](super::Indices)).
//!
//! The sequence number of `auth_type AH` increases with every advert, but the checkpoint is only saved once per block of
//! numbers. A master therefore resumes with a number above all that it may have sent, a backup with a number not above
//! those of its master. The numbers of `auth_hmac` are saved once per block too.

use serde::{Deserialize, Serialize};

use super::auth_hmac::SavedHmac;
use super::ids::InstanceId;
use super::routers::Vrrp;
use super::rows::Instance;
use super::sequence_blocks::block;
use super::state::State;
use super::yielded::Yielded;
use crate::state::Record;
use crate::track;

/// Checkpoint: the states of all instances and trackers, from which a replacement process resumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    instances: Vec<Saved>,
    trackers: track::Saved,
}

/// The state of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    index: u32,
    state: State,
    /// `priority` and `nopreempt` of the configuration.
    configured: (u8, bool),
    /// The same, or the values set by SNMP.
    base_priority: u8,
    nopreempt: bool,
    sequence: u32,
    /// With `auth_hmac`.
    hmac: Option<SavedHmac>,
    yielded: Option<Yielded>,
}

impl Record for Checkpoint {
    const NAME: &'static str = "states of instances";
    const VERSION: u32 = 6;
}

impl Instance {
    /// The sequence number with which a replacement resumes.
    fn sequence_to_resume(&self) -> u32 {
        let (start, beyond) = block(self.sequence);
        if self.state == State::Master && self.sequence > 0 { beyond } else { start }
    }
}

impl Vrrp {
    /// Returns the present states, for a replacement of this process.
    pub fn checkpoint(&self) -> Checkpoint {
        let saved = |(id, row): (&InstanceId, &Instance)| Saved {
            index: id.0,
            state: row.state,
            configured: (row.config.priority, row.config.nopreempt),
            base_priority: row.base_priority,
            nopreempt: row.nopreempt,
            sequence: row.sequence_to_resume(),
            hmac: row.config.auth_hmac.as_ref().map(|settings| row.hmac.save(settings, false)),
            yielded: row.yielded,
        };
        let instances = self.tables.instances.iter().map(saved).collect();
        Checkpoint { instances, trackers: self.tables.trackers.save() }
    }

    /// Restores the states of a predecessor before [`Event::Stop`](super::Event::Stop), without a start, so that the stop
    /// is reported as the predecessor would have reported it. The caller must not send the resulting adverts.
    pub fn resume_to_stop(&mut self, checkpoint: &Checkpoint) {
        let took_part = |saved: &&Saved| matches!(saved.state, State::Master | State::Backup | State::Fault);
        for saved in checkpoint.instances.iter().filter(took_part) {
            let Some(row) = self.tables.instances.get_mut(&InstanceId(saved.index)) else { continue };
            row.state = saved.state;
            if let Some(group) = row.group.and_then(|id| self.tables.groups.get_mut(&id)) {
                group.state = saved.state;
            }
        }
    }

    /// Restores the states of a predecessor before [`Event::Start`](super::Event::Start). Masters continue as masters.
    pub fn resume(&mut self, checkpoint: &Checkpoint) {
        self.tables.trackers.resume(&checkpoint.trackers);
        for saved in &checkpoint.instances {
            let Some(row) = self.tables.instances.get_mut(&InstanceId(saved.index)) else { continue };
            row.resumes_master = saved.state == State::Master;
            self.turn.resumed |= saved.state != State::Init;
            row.yielded = saved.yielded;
            row.sequence = saved.sequence;
            if let Some(hmac) = saved.hmac.as_ref().filter(|_| row.config.auth_hmac.is_some()) {
                row.hmac.restore(hmac, true);
            }
            // A new configuration, which the predecessor has not taken any more, has precedence over what SNMP has set.
            if saved.configured == (row.config.priority, row.config.nopreempt) {
                row.base_priority = saved.base_priority;
                row.nopreempt = saved.nopreempt;
            }
        }
    }
}
