//! What a replacement process needs in order to go on where its predecessor was killed.
//!
//! States go by row index: a replacement numbers its rows as its predecessor did ([`Indices`](super::Indices)).
//!
//! The sequence number of `auth_type AH` grows with every advert, and the checkpoint shall not: it is saved once in a
//! block of numbers. A master goes on with one that is surely greater than all it has sent, others with one that is
//! surely not greater than what their master sends.

use serde::{Deserialize, Serialize};

use super::ids::InstanceId;
use super::routers::Vrrp;
use super::rows::Instance;
use super::sequence_blocks::block;
use super::state::State;
use crate::state::Record;
use crate::track;

/// The states of all instances.
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
    base_priority: u8,
    nopreempt: bool,
    sequence: u32,
}

impl Record for Checkpoint {
    const NAME: &'static str = "states of instances";
    const VERSION: u32 = 2;
}

impl Instance {
    /// The number that a replacement goes on with.
    fn sequence_to_resume(&self) -> u32 {
        let (begin, behind) = block(self.sequence);
        if self.state == State::Master && self.sequence > 0 { behind } else { begin }
    }
}

impl Vrrp {
    /// The present states, for a replacement of this process.
    pub fn checkpoint(&self) -> Checkpoint {
        let saved = |(id, row): (&InstanceId, &Instance)| Saved {
            index: id.0,
            state: row.state,
            base_priority: row.base_priority,
            nopreempt: row.nopreempt,
            sequence: row.sequence_to_resume(),
        };
        let instances = self.tables.instances.iter().map(saved).collect();
        Checkpoint { instances, trackers: self.tables.trackers.save() }
    }

    /// Takes over the states of a predecessor, before [`Event::Stop`](super::Event::Stop) and without a start: a process
    /// that stops in its place tells of the stop as that would have. Its adverts must not be sent.
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

    /// Takes over the states of a predecessor, before [`Event::Start`](super::Event::Start): masters go on as masters.
    pub fn resume(&mut self, checkpoint: &Checkpoint) {
        self.tables.trackers.resume(&checkpoint.trackers);
        for saved in &checkpoint.instances {
            let Some(row) = self.tables.instances.get_mut(&InstanceId(saved.index)) else { continue };
            row.resumes_master = saved.state == State::Master;
            row.sequence = saved.sequence;
            row.base_priority = saved.base_priority;
            row.nopreempt = saved.nopreempt;
        }
    }
}
