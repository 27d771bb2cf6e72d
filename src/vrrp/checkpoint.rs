//! What a replacement process needs in order to go on where its predecessor was killed.
//!
//! A text of one line for each instance: state, base priority, preemption, name. Whatever cannot be read is left out:
//! the instance then starts as always.

use std::fmt::Write;

use super::machine::Vrrp;
use super::rows::State;

impl Vrrp {
    /// The present states, for a replacement of this process.
    pub fn checkpoint(&self) -> String {
        let mut text = String::new();
        for row in self.tables.instances.values() {
            let preempt = if row.nopreempt { "nopreempt" } else { "preempt" };
            // Writing to a string can not fail.
            let _ = writeln!(text, "{} {} {preempt} {}", row.state.word(), row.base_priority, row.config.name);
        }
        text
    }

    /// Takes over what a predecessor was, before [`Event::Start`](super::Event::Start): masters go on as masters.
    pub fn resume(&mut self, checkpoint: &str) {
        for line in checkpoint.lines() {
            let mut words = line.splitn(4, ' ');
            let (Some(state), Some(priority), Some(preempt), Some(name)) =
                (words.next(), words.next().and_then(|word| word.parse().ok()), words.next(), words.next())
            else {
                continue;
            };
            if let Some(row) = self.tables.instances.values_mut().find(|row| row.config.name == name) {
                row.resumes_master = state == State::Master.word();
                row.base_priority = priority;
                row.nopreempt = preempt == "nopreempt";
            }
        }
    }
}
