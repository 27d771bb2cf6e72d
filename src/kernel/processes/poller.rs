//! Counts processes without the process connector: lists all processes and examines new ones, and some others again.

use std::collections::{BTreeMap, BTreeSet};

use super::census::Census;

/// Turns in which a new process is examined: a forked child gets its own name only when it executes its program.
const LOOKS: u8 = 3;
/// Most processes of each sort (counted and others) that are examined again in one turn.
const AGAIN: usize = 256;

/// State of polling.
#[derive(Debug, Default)]
pub(super) struct Poller {
    /// All processes, with the number of turns in which each is still examined as new.
    seen: BTreeMap<u32, u8>,
    /// The last process examined again, of the counted processes and of the others.
    cursors: [u32; 2],
}

impl Poller {
    /// Performs one turn. `present` are all processes, `kinds_of` examines one of them.
    pub(super) fn look(
        &mut self,
        census: &mut Census,
        present: &BTreeSet<u32>,
        kinds_of: impl Fn(&Census, u32) -> Vec<usize>,
    ) {
        self.seen.retain(|pid, _| present.contains(pid));
        let members: BTreeSet<u32> = census.members().collect();
        for pid in members.difference(present) {
            census.set(*pid, Vec::new());
        }
        let mut due = BTreeSet::new();
        for pid in present {
            let left = self.seen.entry(*pid).or_insert(LOOKS);
            if *left > 0 {
                *left = left.saturating_sub(1);
                due.insert(*pid);
            }
        }
        let [of_members, of_others] = &mut self.cursors;
        due.extend(round(members.intersection(present).copied(), of_members));
        due.extend(round(present.difference(&members).copied(), of_others));
        for pid in due {
            let kinds = kinds_of(census, pid);
            census.set(pid, kinds);
        }
    }
}

/// The next few processes after the cursor, wrapping around; moves the cursor.
fn round(all: impl Iterator<Item = u32>, cursor: &mut u32) -> Vec<u32> {
    let (mut later, sooner): (Vec<u32>, Vec<u32>) = all.partition(|pid| *pid > *cursor);
    later.extend(sooner);
    later.truncate(AGAIN);
    *cursor = later.last().copied().unwrap_or(0);
    later
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::census::tests::kinds;
    use super::*;

    #[test]
    fn a_process_that_executes_its_program_late_is_counted() {
        let (mut census, mut poller) = (Census::new(&kinds(&["a"])), Poller::default());
        // More processes than one turn examines again.
        let present: BTreeSet<u32> = (1..=2000).collect();
        let name = RefCell::new("forker");
        let mut turn = |poller: &mut Poller, present: &BTreeSet<u32>| {
            poller.look(&mut census, present, |census, pid| {
                census.kinds_of(if pid == 1500 { name.borrow().as_bytes() } else { b"x" }, || None)
            });
            census.changes().first().map(|(_, count)| *count)
        };
        assert_eq!(turn(&mut poller, &present), Some(0));
        *name.borrow_mut() = "a";
        assert_eq!(turn(&mut poller, &present), Some(1));
        for _ in 0..5 {
            assert_eq!(turn(&mut poller, &present), None);
        }
        let without: BTreeSet<u32> = present.iter().copied().filter(|pid| *pid != 1500).collect();
        assert_eq!(turn(&mut poller, &without), Some(0), "it has exited");
    }

    #[test]
    fn every_process_is_examined_again_and_each_turn_is_bounded() {
        let (mut census, mut poller) = (Census::new(&kinds(&["a"])), Poller::default());
        let present: BTreeSet<u32> = (1..=1000).collect();
        for _ in 0..LOOKS {
            poller.look(&mut census, &present, |_, _| Vec::new());
        }
        let looked = RefCell::new(BTreeSet::new());
        for turn in 1..=4_usize {
            poller.look(&mut census, &present, |_, pid| {
                looked.borrow_mut().insert(pid);
                Vec::new()
            });
            assert!(looked.borrow().len() <= turn * AGAIN);
        }
        assert_eq!(looked.into_inner().len(), present.len());
    }
}
