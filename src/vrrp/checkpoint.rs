//! The checkpoint of the VRRP process: the states that the parent keeps, so that a replacement process can continue after
//! a crash, or after this process has handed over in order.
//!
//! Instances are identified by row index, which is the same in the replacement ([`Indices`](super::Indices)).
//!
//! The sequence number of `auth_type AH` increases with every advert, but the checkpoint is only saved once per block of
//! numbers. A master therefore resumes with a number above all that it may have sent, a backup with a number not above
//! those of its master. The numbers of `auth_hmac` are saved once per block too.

use serde::{Deserialize, Serialize};

use super::auth_hmac::SavedHmac;
use super::ids::InstanceId;
use super::past::{HandedOver, Past};
use super::routers::Vrrp;
use super::rows::{Former, Instance};
use super::sequence_blocks::block;
use super::state::State;
use super::yielded::Yielded;
use crate::state::{Lasting, Reader, Unusable, Writer};
use crate::track;

/// Checkpoint: the states of all instances and trackers, from which a replacement process resumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    instances: Vec<Saved>,
    trackers: track::Saved,
    past: Past,
    /// With the last checkpoint of a process that hands over in order.
    handed_over: Option<HandedOver>,
}

/// The state of an instance. The form stays; further values get a section of their own.
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

impl Lasting for Checkpoint {
    const NAME: &'static str = "states of instances";
    const VERSION: u32 = 7;

    fn write(&self, sections: &mut Writer) {
        sections.put("instances", &self.instances);
        sections.put("past of instances", &self.past.instances);
        sections.put("past of groups", &self.past.groups);
        sections.put("history", &self.past.history);
        self.trackers.write(sections);
        if let Some(HandedOver { counters, router }) = &self.handed_over {
            sections.put("counters", counters);
            sections.put("counters of the router", router);
        }
    }

    fn read(sections: &mut Reader<'_>) -> Result<Checkpoint, Unusable> {
        let counters: Option<Vec<_>> = sections.take_if_present("counters");
        let router = sections.take_if_readable("counters of the router");
        Ok(Checkpoint {
            instances: sections.take("instances")?,
            past: Past {
                instances: sections.take_if_readable("past of instances"),
                groups: sections.take_if_readable("past of groups"),
                history: sections.take_if_readable("history"),
            },
            trackers: track::Saved::read(sections)?,
            handed_over: counters.map(|counters| HandedOver { counters, router }),
        })
    }
}

impl Instance {
    /// The sequence number with which a replacement resumes.
    fn sequence_to_resume(&self) -> u32 {
        let (start, beyond) = block(self.sequence);
        if self.state == State::Master && self.sequence > 0 { beyond } else { start }
    }
}

impl Vrrp {
    /// Returns the present states, for a replacement of this process, with all counters.
    pub fn last_checkpoint(&self) -> Checkpoint {
        Checkpoint { handed_over: Some(HandedOver::of(&self.tables)), ..self.checkpoint() }
    }

    /// Returns the present states, for a replacement of this process.
    pub fn checkpoint(&self) -> Checkpoint {
        let saved = |(id, row): (&InstanceId, &Instance)| Saved {
            index: id.0,
            state: row.former.map_or(row.state, |former| former.state),
            configured: (row.config.priority, row.config.nopreempt),
            base_priority: row.base_priority,
            nopreempt: row.nopreempt,
            sequence: row.sequence_to_resume(),
            hmac: row.config.auth_hmac.as_ref().map(|settings| row.hmac.save(settings, false)),
            yielded: row.yielded,
        };
        let instances = self.tables.instances.iter().map(saved).collect();
        let (trackers, past) = (self.tables.trackers.save(), Past::of(&self.tables));
        Checkpoint { instances, trackers, past, handed_over: None }
    }

    /// Passes over the numbers that a replacement may have used which has resumed from the checkpoint of this process and has ended
    /// soon: receivers refuse numbers that do not exceed the last.
    pub fn pass_over_numbers(&mut self) {
        for row in self.tables.instances.values_mut() {
            if row.state == State::Master && row.sequence > 0 {
                row.sequence = block(row.sequence_to_resume()).1;
            }
            if let Some(settings) = &row.config.auth_hmac {
                row.hmac.pass_over(settings);
            }
        }
    }

    /// Restores the states of a predecessor before [`Event::Stop`](super::Event::Stop), without a start, so that the stop
    /// is reported as the predecessor would have reported it. The caller must not send the resulting adverts.
    pub fn resume_to_stop(&mut self, checkpoint: &Checkpoint) {
        for saved in checkpoint.instances.iter().filter(|saved| saved.state.takes_part()) {
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
        checkpoint.past.restore(&mut self.tables);
        if let Some(handed_over) = &checkpoint.handed_over {
            handed_over.restore(&mut self.tables);
        }
        for saved in &checkpoint.instances {
            let Some(row) = self.tables.instances.get_mut(&InstanceId(saved.index)) else { continue };
            row.resumes_master = saved.state == State::Master;
            self.turn.resumed |= saved.state != State::Init;
            row.former = saved.state.takes_part().then_some(Former { state: saved.state, since: None, up_since: None });
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
        for past in &checkpoint.past.instances {
            let row = self.tables.instances.get_mut(&InstanceId(past.index));
            if let Some(former) = row.and_then(|row| row.former.as_mut()) {
                (former.since, former.up_since) = (Some(past.since), past.up_since);
            }
        }
    }
}
