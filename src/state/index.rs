//! Persistent row indices: as long as the daemon runs, an index belongs to one row and is never reused.
//!
//! SNMP managers identify rows by their index. A row keeps its index across reloads because the process knows its rows
//! from before the reload. It keeps its index across a crash of its process because the parent stores the [`Indices`]
//! and passes them to the replacement process.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// The lowest index that was never assigned, starting from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextIndex(u32);

impl Default for NextIndex {
    fn default() -> NextIndex {
        NextIndex(1)
    }
}

impl NextIndex {
    /// Assigns an index to a new row.
    pub fn take(&mut self) -> u32 {
        let index = self.0;
        self.0 = index.saturating_add(1);
        index
    }
}

/// The indices of a table's rows, which are identified by name or by another key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices<K> {
    /// Key and index of each row. Several rows may have the same key.
    pub rows: Vec<(K, u32)>,
    /// The index of the next new row.
    pub next: NextIndex,
}

impl<K> Default for Indices<K> {
    fn default() -> Indices<K> {
        Indices { rows: Vec::new(), next: NextIndex::default() }
    }
}

/// Assigns indices to the rows of a configuration: known rows keep theirs, new rows get unused ones.
#[derive(Debug)]
pub struct Numbering<K> {
    known: HashMap<K, VecDeque<u32>>,
    next: NextIndex,
}

impl<K: Eq + Hash> Numbering<K> {
    /// Starts with the known rows.
    pub fn new(indices: Indices<K>) -> Numbering<K> {
        let mut known: HashMap<K, VecDeque<u32>> = HashMap::new();
        let mut next = indices.next;
        for (key, index) in indices.rows {
            known.entry(key).or_default().push_back(index);
            next.0 = next.0.max(index.saturating_add(1));
        }
        Numbering { known, next }
    }

    /// Returns the index of a row. Rows with the same key keep their indices in order.
    pub fn index_of(&mut self, key: &K) -> u32 {
        let known = self.known.get_mut(key).and_then(VecDeque::pop_front);
        known.unwrap_or_else(|| self.next.take())
    }

    /// The index of the next new row.
    pub fn next(&self) -> NextIndex {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers the rows of a configuration, and returns the indices for the next configuration.
    fn number(known: Indices<&'static str>, names: &[&'static str]) -> Indices<&'static str> {
        let mut numbering = Numbering::new(known);
        let rows = names.iter().map(|name| (*name, numbering.index_of(name))).collect();
        Indices { rows, next: numbering.next() }
    }

    #[test]
    fn a_row_keeps_its_index_and_a_free_index_is_never_reused() {
        let steps: [(&[&str], &[u32]); 7] = [
            (&["A", "B", "C"], &[1, 2, 3]),
            (&["C", "B"], &[3, 2]),
            (&["X", "B"], &[4, 2]),
            (&[], &[]),
            (&["B", "X"], &[5, 6]),
            (&["X", "X", "B", "B"], &[6, 7, 5, 8]),
            (&["B", "B", "X"], &[5, 8, 6]),
        ];
        let mut indices = Indices::default();
        for (names, expected) in steps {
            indices = number(indices, names);
            assert_eq!(indices.rows.iter().map(|(_, index)| *index).collect::<Vec<_>>(), expected, "{names:?}");
        }
    }

    #[test]
    fn the_next_index_is_above_all_known_indices() {
        let known = Indices { rows: vec![("A", 9)], next: NextIndex::default() };
        assert_eq!(number(known, &["B", "A"]).rows, [("B", 10), ("A", 9)]);
    }
}
