//! What a replacement process needs in order to go on where its predecessor was killed.
//!
//! A text of one line for each instance: state, base priority, preemption, sequence number, name. Whatever cannot be
//! read is left out: the instance then starts as always.
//!
//! The sequence number of `auth_type AH` grows with every advert, and the checkpoint shall not: it is saved once in a
//! block of numbers. A master goes on with one that is surely greater than all it has sent, others with one that is
//! surely not greater than what their master sends.

use std::fmt::Write;

use super::machine::Vrrp;
use super::rows::{Instance, State};
use crate::wire::ah;

/// Numbers of a block: at one advert a second, the checkpoint is saved every 17 minutes.
const BLOCK: u32 = 1024;

/// Whether two sequence numbers make different checkpoints.
pub(super) fn another_block(before: u32, after: u32) -> bool {
    before / BLOCK != after / BLOCK
}

impl Instance {
    /// The number that a replacement goes on with.
    fn sequence_to_resume(&self) -> u32 {
        let block = self.sequence - self.sequence % BLOCK;
        match self.state {
            State::Master if self.sequence > 0 => block.saturating_add(2 * BLOCK).min(ah::LAST_SEQUENCE),
            _ => block,
        }
    }
}

impl Vrrp {
    /// The present states, for a replacement of this process.
    pub fn checkpoint(&self) -> String {
        let mut text = String::new();
        for row in self.tables.instances.values() {
            let preempt = if row.nopreempt { "nopreempt" } else { "preempt" };
            let (state, sequence) = (row.state.word(), row.sequence_to_resume());
            // Writing to a string can not fail.
            let _ = writeln!(text, "{state} {} {preempt} {sequence} {}", row.base_priority, row.config.name);
        }
        text
    }

    /// Takes over the states of a predecessor, before [`Event::Stop`](super::Event::Stop) and without a start: a process
    /// that stops in its place tells of the stop as that would have. Its adverts must not be sent.
    pub fn resume_to_stop(&mut self, checkpoint: &str) {
        for line in checkpoint.lines() {
            let words: Vec<&str> = line.splitn(5, ' ').collect();
            let [state, _, _, _, name] = words[..] else { continue };
            let states = [State::Master, State::Backup, State::Fault];
            let Some(state) = states.into_iter().find(|known| known.word() == state) else { continue };
            let row = self.tables.instances.values_mut().find(|row| row.config.name == name);
            let Some(row) = row else { continue };
            row.state = state;
            if let Some(group) = row.group.and_then(|id| self.tables.groups.get_mut(&id)) {
                group.state = state;
            }
        }
    }

    /// Takes over what a predecessor was, before [`Event::Start`](super::Event::Start): masters go on as masters.
    pub fn resume(&mut self, checkpoint: &str) {
        for line in checkpoint.lines() {
            let words: Vec<&str> = line.splitn(5, ' ').collect();
            let [state, priority, preempt, sequence, name] = words[..] else { continue };
            let (Ok(priority), Ok(sequence)) = (priority.parse(), sequence.parse()) else { continue };
            if let Some(row) = self.tables.instances.values_mut().find(|row| row.config.name == name) {
                row.resumes_master = state == State::Master.word();
                row.sequence = sequence;
                row.base_priority = priority;
                row.nopreempt = preempt == "nopreempt";
            }
        }
    }
}
