//! Which processes are of which kinds, and how many of each there are.

use std::collections::HashMap;

use crate::config::model::TrackProcess;
use crate::track;

/// The processes of all kinds that are counted.
#[derive(Debug)]
pub(super) struct Census {
    kinds: Vec<Kind>,
    /// Processes of at least one kind, with the places of their kinds.
    members: HashMap<u32, Vec<usize>>,
}

#[derive(Debug)]
struct Kind {
    config: TrackProcess,
    count: u32,
    /// The count that was reported last.
    told: Option<u32>,
}

impl Census {
    /// Nobody is counted yet.
    pub(super) fn new(kinds: &[TrackProcess]) -> Census {
        let kinds = kinds.iter().map(|config| Kind { config: config.clone(), count: 0, told: None }).collect();
        Census { kinds, members: HashMap::new() }
    }

    /// The kinds of a process of this short name; `line` gives its command line if that matters.
    pub(super) fn kinds_of(&self, comm: &[u8], mut line: impl FnMut() -> Option<Vec<Vec<u8>>>) -> Vec<usize> {
        let mut known: Option<Option<Vec<Vec<u8>>>> = None;
        let mut line = || known.get_or_insert_with(&mut line).clone();
        let kinds = self.kinds.iter().enumerate();
        kinds.filter(|(_, kind)| track::matches(&kind.config, comm, &mut line)).map(|(place, _)| place).collect()
    }

    /// A process is of these kinds now; of none when it has ended.
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

    /// A process has a child, which has its name and command line.
    pub(super) fn forked(&mut self, parent: u32, child: u32) {
        let kinds = self.members.get(&parent).cloned().unwrap_or_default();
        self.set(child, kinds);
    }

    /// These are all processes of any kind.
    pub(super) fn replace(&mut self, members: HashMap<u32, Vec<usize>>) {
        self.members.clear();
        self.kinds.iter_mut().for_each(|kind| kind.count = 0);
        members.into_iter().for_each(|(pid, kinds)| self.set(pid, kinds));
    }

    /// The processes of any kind.
    pub(super) fn members(&self) -> impl Iterator<Item = u32> {
        self.members.keys().copied()
    }

    /// Kinds whose number is another than when this was last asked.
    pub(super) fn changes(&mut self) -> Vec<(String, u32)> {
        let mut changes = Vec::new();
        for kind in &mut self.kinds {
            if kind.told.replace(kind.count) != Some(kind.count) {
                changes.push((kind.config.name.clone(), kind.count));
            }
        }
        changes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::model::ParameterMatch;
    use std::time::Duration;

    /// Kinds by short name.
    pub(in crate::kernel::processes) fn kinds(names: &[&str]) -> Vec<TrackProcess> {
        let kind = |name: &&str| TrackProcess {
            name: (*name).to_owned(),
            command: (*name).to_owned(),
            parameters: None,
            matching: ParameterMatch::Exact,
            full_command: false,
            weight: 0,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        };
        names.iter().map(kind).collect()
    }

    fn changes(census: &mut Census) -> Vec<(String, u32)> {
        census.changes()
    }

    #[test]
    fn processes_begin_change_their_names_and_end() {
        let mut census = Census::new(&kinds(&["a", "b", "a"]));
        let told = |wanted: &[(&str, u32)]| -> Vec<(String, u32)> {
            wanted.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        assert_eq!(changes(&mut census), told(&[("a", 0), ("b", 0), ("a", 0)]), "the first time all are told");
        let of_a = census.kinds_of(b"a", || panic!("the short name decides"));
        assert_eq!(of_a, [0, 2]);
        census.set(10, of_a.clone());
        census.forked(10, 11);
        census.forked(99, 12);
        assert_eq!(changes(&mut census), told(&[("a", 2), ("a", 2)]));
        census.set(11, census.kinds_of(b"b", || None));
        assert_eq!(changes(&mut census), told(&[("a", 1), ("b", 1), ("a", 1)]));
        census.set(11, Vec::new());
        census.set(11, Vec::new());
        assert_eq!(changes(&mut census), told(&[("b", 0)]));
        census.replace(HashMap::from([(20, of_a)]));
        assert!(changes(&mut census).is_empty(), "another process, the same number");
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
