//! Counts processes by kind. A *kind* is the processes that match one `vrrp_track_process` block.

use std::collections::HashMap;

use crate::config::model::TrackProcess;
use crate::track;

/// The processes of all kinds, and their numbers.
#[derive(Debug)]
pub(super) struct Census {
    kinds: Vec<Kind>,
    /// Processes of at least one kind, with the indices of their kinds.
    members: HashMap<u32, Vec<usize>>,
}

#[derive(Debug)]
struct Kind {
    config: TrackProcess,
    count: u32,
    /// The count last returned by [`changes`](Census::changes).
    reported: Option<u32>,
}

impl Census {
    /// An empty census.
    pub(super) fn new(kinds: &[TrackProcess]) -> Census {
        let kinds = kinds.iter().map(|config| Kind { config: config.clone(), count: 0, reported: None }).collect();
        Census { kinds, members: HashMap::new() }
    }

    /// The kinds of a process with this short name; `line` reads its command line if a kind needs it.
    pub(super) fn kinds_of(&self, comm: &[u8], mut line: impl FnMut() -> Option<Vec<Vec<u8>>>) -> Vec<usize> {
        let mut known: Option<Option<Vec<Vec<u8>>>> = None;
        let mut line = || known.get_or_insert_with(&mut line).clone();
        let kinds = self.kinds.iter().enumerate();
        kinds.filter(|(_, kind)| track::matches(&kind.config, comm, &mut line)).map(|(place, _)| place).collect()
    }

    /// Sets the kinds of a process; none when it has exited.
    pub(super) fn set(&mut self, pid: u32, kinds: Vec<usize>) {
        let before = self.members.remove(&pid).unwrap_or_default();
        for place in before {
            if let Some(kind) = self.kinds.get_mut(place) {
                kind.count = kind.count.saturating_sub(1);
            }
        }
        for place in &kinds {
            if let Some(kind) = self.kinds.get_mut(*place) {
                kind.count = kind.count.saturating_add(1);
            }
        }
        if !kinds.is_empty() {
            self.members.insert(pid, kinds);
        }
    }

    /// A process has forked: the child has its name and command line, and so its kinds.
    pub(super) fn forked(&mut self, parent: u32, child: u32) {
        let kinds = self.members.get(&parent).cloned().unwrap_or_default();
        self.set(child, kinds);
    }

    /// Replaces all members by the result of a scan.
    pub(super) fn replace(&mut self, members: HashMap<u32, Vec<usize>>) {
        self.members.clear();
        self.kinds.iter_mut().for_each(|kind| kind.count = 0);
        members.into_iter().for_each(|(pid, kinds)| self.set(pid, kinds));
    }

    /// The processes of at least one kind.
    pub(super) fn members(&self) -> impl Iterator<Item = u32> {
        self.members.keys().copied()
    }

    /// The kinds whose count has changed since the last call, with their counts.
    pub(super) fn changes(&mut self) -> Vec<(String, u32)> {
        let mut changes = Vec::new();
        for kind in &mut self.kinds {
            if kind.reported.replace(kind.count) != Some(kind.count) {
                changes.push((kind.config.name.clone(), kind.count));
            }
        }
        changes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Kinds by short name.
    pub(in crate::kernel::processes) fn kinds(names: &[&str]) -> Vec<TrackProcess> {
        names.iter().map(|name| TrackProcess::new(name, name)).collect()
    }

    fn changes(census: &mut Census) -> Vec<(String, u32)> {
        census.changes()
    }

    #[test]
    fn forks_renames_and_exits_change_the_counts() {
        let mut census = Census::new(&kinds(&["a", "b", "a"]));
        let reported = |wanted: &[(&str, u32)]| -> Vec<(String, u32)> {
            wanted.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        assert_eq!(changes(&mut census), reported(&[("a", 0), ("b", 0), ("a", 0)]), "the first call returns all kinds");
        let of_a = census.kinds_of(b"a", || panic!("the short name is enough"));
        assert_eq!(of_a, [0, 2]);
        census.set(10, of_a.clone());
        census.forked(10, 11);
        census.forked(99, 12);
        assert_eq!(changes(&mut census), reported(&[("a", 2), ("a", 2)]));
        census.set(11, census.kinds_of(b"b", || None));
        assert_eq!(changes(&mut census), reported(&[("a", 1), ("b", 1), ("a", 1)]));
        census.set(11, Vec::new());
        census.set(11, Vec::new());
        assert_eq!(changes(&mut census), reported(&[("b", 0)]));
        census.replace(HashMap::from([(20, of_a)]));
        assert!(changes(&mut census).is_empty(), "another process, the same count");
        assert_eq!(census.members().collect::<Vec<_>>(), [20]);
    }

    #[test]
    fn the_command_line_is_read_once_for_all_kinds() {
        let mut all = kinds(&["a", "b"]);
        all.iter_mut().for_each(|kind| kind.full_command = true);
        let mut read = 0;
        let found = Census::new(&all).kinds_of(b"x", || {
            read += 1;
            Some(vec![b"b".to_vec()])
        });
        assert_eq!((found, read), (vec![1], 1));
    }
}
