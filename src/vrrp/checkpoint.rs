//! What a replacement process needs in order to go on where its predecessor was killed.
//!
//! A text of one line for each instance: state, base priority, preemption, sequence number, name. Whatever cannot be
//! read is left out: the instance then starts as always.
//!
//! The sequence number of `auth_type AH` grows with every advert, and the checkpoint shall not: it is saved once in a
//! block of numbers. A master goes on with one that is surely greater than all it has sent, others with one that is
//! surely not greater than what their master sends.

//!
//! The numbers also outlive the daemon, by a text of their own ([`Vrrp::sequences`]): without it a stranger could play
//! back what a router sent before it was started anew. At its start nobody knows who has been master meanwhile, so each
//! instance has two: one that is surely not greater than what the others send, to judge them by, and one that is surely
//! greater than all it has sent or heard itself, to go on with once it is master.

use std::fmt::Write;

use super::machine::Vrrp;
use super::rows::{Instance, State};
use crate::config::model::Authentication;
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
    /// The sequence numbers of `auth_type AH` for the next start of the daemon, a line for each instance: the two
    /// numbers and its name. At the `end` they are exact; before that they change once in a block.
    pub fn sequences(&self, end: bool) -> String {
        let mut text = String::new();
        for row in self.tables.instances.values() {
            let is_ah = matches!(row.config.authentication, Some(Authentication::Ah(_)));
            if !is_ah || (row.sequence == 0 && row.reserved_sequence == 0) {
                continue;
            }
            let block = row.sequence - row.sequence % BLOCK;
            let above = block.saturating_add(2 * BLOCK).min(ah::LAST_SEQUENCE);
            let (known, reserved) = if end { (row.sequence, 0) } else { (block, above) };
            let reserved = reserved.max(row.reserved_sequence);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{known} {reserved} {}", row.config.name);
        }
        text
    }

    /// Takes over the numbers of a former daemon, before [`Vrrp::resume`]. What cannot be read is left out.
    pub fn recall_sequences(&mut self, text: &str) {
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let [known, reserved, name] = words[..] else { continue };
            let (Ok(known), Ok(reserved)) = (known.parse(), reserved.parse()) else { continue };
            let is_ah = |row: &&mut Instance| matches!(row.config.authentication, Some(Authentication::Ah(_)));
            let named = self.tables.instances.values_mut().find(|row| row.config.name == name);
            if let Some(row) = named.filter(is_ah) {
                (row.sequence, row.reserved_sequence) = (known, reserved);
            }
        }
    }

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
