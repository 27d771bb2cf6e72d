//! Conceptual rows kept in index order.
//!
//! A [`Table`] holds all rows of a kind, in the order of their SNMP instances, so a GETNEXT is one
//! search in a balanced tree and a walk is one pass.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use crate::oid::Oid;

/// The index of a conceptual row, and its conversion to and from sub-identifiers.
///
/// `Ord` must agree with the order of the sub-identifiers. `from_sub_ids` must accept any number in
/// each of the [`LEN`](Key::LEN) places, or the type must implement `seek`: a search may start at an
/// index that no row can have.
///
/// ```
/// use snmp::table::Key;
/// #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
/// struct InstanceId(u32);
/// impl Key for InstanceId {
///     const LEN: usize = 1;
///     fn push(&self, out: &mut Vec<u32>) { out.push(self.0) }
///     fn from_sub_ids(ids: &[u32]) -> Option<Self> { u32::from_sub_ids(ids).map(InstanceId) }
/// }
/// ```
pub trait Key: Ord + Clone {
    /// Number of sub-identifiers; 0 when it varies, and then the type must implement `seek`.
    const LEN: usize;

    /// Appends the sub-identifiers of this index.
    fn push(&self, out: &mut Vec<u32>);

    /// The index with exactly these sub-identifiers; `None` when their number is wrong.
    fn from_sub_ids(sub_ids: &[u32]) -> Option<Self>;

    /// The start of a search for the first index after `sub_ids` (or at it, if `include`). `sub_ids` may
    /// be shorter or longer than an index. `None`: no index can follow.
    fn seek(sub_ids: &[u32], include: bool) -> Option<Bound<Self>> {
        match sub_ids.get(..Self::LEN) {
            None => {
                let mut padded = sub_ids.to_vec();
                padded.resize(Self::LEN, 0);
                Self::from_sub_ids(&padded).map(Bound::Included)
            }
            Some(exact) if exact.len() == sub_ids.len() && include => Self::from_sub_ids(exact).map(Bound::Included),
            Some(exact) => Self::from_sub_ids(exact).map(Bound::Excluded),
        }
    }
}

impl Key for u32 {
    const LEN: usize = 1;

    fn push(&self, out: &mut Vec<u32>) {
        out.push(*self);
    }

    fn from_sub_ids(sub_ids: &[u32]) -> Option<Self> {
        match sub_ids {
            [id] => Some(*id),
            _ => None,
        }
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    const LEN: usize = A::LEN + B::LEN;

    fn push(&self, out: &mut Vec<u32>) {
        self.0.push(out);
        self.1.push(out);
    }

    fn from_sub_ids(sub_ids: &[u32]) -> Option<Self> {
        let (a, b) = sub_ids.split_at_checked(A::LEN)?;
        Some((A::from_sub_ids(a)?, B::from_sub_ids(b)?))
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    const LEN: usize = A::LEN + B::LEN + C::LEN;

    fn push(&self, out: &mut Vec<u32>) {
        self.0.push(out);
        self.1.push(out);
        self.2.push(out);
    }

    fn from_sub_ids(sub_ids: &[u32]) -> Option<Self> {
        let (a, rest) = sub_ids.split_at_checked(A::LEN)?;
        let (b, c) = rest.split_at_checked(B::LEN)?;
        Some((A::from_sub_ids(a)?, B::from_sub_ids(b)?, C::from_sub_ids(c)?))
    }
}

/// An index of varying length, for example one that contains an InetAddress.
impl Key for Oid {
    const LEN: usize = 0;

    fn push(&self, out: &mut Vec<u32>) {
        out.extend_from_slice(self.as_slice());
    }

    fn from_sub_ids(sub_ids: &[u32]) -> Option<Self> {
        Some(Oid::new(sub_ids))
    }

    fn seek(sub_ids: &[u32], include: bool) -> Option<Bound<Self>> {
        let at = Oid::new(sub_ids);
        Some(if include { Bound::Included(at) } else { Bound::Excluded(at) })
    }
}

/// Rows in the order of their index.
///
/// Rows are boxed: nodes of a B-tree that is filled in order are half empty, and an empty slot should cost no more than a
/// pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<K, R> {
    rows: BTreeMap<K, Box<R>>,
}

impl<K, R> Default for Table<K, R> {
    fn default() -> Self {
        Table { rows: BTreeMap::new() }
    }
}

impl<K: Key, R> Table<K, R> {
    /// A table without rows.
    pub fn new() -> Self {
        Table::default()
    }

    /// Inserts a row; returns the row it replaces.
    pub fn insert(&mut self, key: K, row: R) -> Option<R> {
        self.rows.insert(key, Box::new(row)).map(|row| *row)
    }

    /// The row with this index.
    pub fn get(&self, key: &K) -> Option<&R> {
        self.rows.get(key).map(|row| &**row)
    }

    /// The row with this index, mutable.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut R> {
        self.rows.get_mut(key).map(|row| &mut **row)
    }

    /// Removes a row and returns it.
    pub fn remove(&mut self, key: &K) -> Option<R> {
        self.rows.remove(key).map(|row| *row)
    }

    /// Keeps only the rows for which `keep` returns true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut R) -> bool) {
        self.rows.retain(|key, row| keep(key, row));
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Whether there is a row with this index.
    pub fn contains_key(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// The rows, in index order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &R)> {
        self.rows.iter().map(|(key, row)| (key, &**row))
    }

    /// The rows, in index order, mutable.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&K, &mut R)> {
        self.rows.iter_mut().map(|(key, row)| (key, &mut **row))
    }

    /// The indices, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.rows.keys()
    }

    /// The rows without their indices, in index order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.rows.values().map(|row| &**row)
    }

    /// The rows without their indices, in index order, mutable.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut R> {
        self.rows.values_mut().map(|row| &mut **row)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows within `range`, in index order.
    ///
    /// # Panics
    /// As [`BTreeMap::range`], when the range ends before it starts.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &R)> {
        self.rows.range(range).map(|(key, row)| (key, &**row))
    }
}

impl<A: Key, R> Table<(A, u32), R> {
    /// The rows whose first index is `owner`, in index order.
    pub fn of<'s>(&'s self, owner: &A) -> impl DoubleEndedIterator<Item = (&'s (A, u32), &'s R)> + use<'s, A, R> {
        self.range((owner.clone(), 0)..=(owner.clone(), u32::MAX))
    }

    /// The rows whose first index is `owner`, in index order, mutable.
    pub fn of_mut(&mut self, owner: &A) -> impl DoubleEndedIterator<Item = (&(A, u32), &mut R)> {
        let rows = self.rows.range_mut((owner.clone(), 0)..=(owner.clone(), u32::MAX));
        rows.map(|(key, row)| (key, &mut **row))
    }

    /// The lowest second index from 1 on that no row of `owner` has.
    pub fn free_position(&self, owner: &A) -> u32 {
        let mut free = 1;
        for ((_, position), _) in self.of(owner).skip_while(|((_, position), _)| *position == 0) {
            if *position != free {
                break;
            }
            free = free.saturating_add(1);
        }
        free
    }
}

impl<K: Key, R> FromIterator<(K, R)> for Table<K, R> {
    fn from_iter<I: IntoIterator<Item = (K, R)>>(rows: I) -> Self {
        Table { rows: rows.into_iter().map(|(key, row)| (key, Box::new(row))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_level() -> Table<(u32, u32), char> {
        [((1, 2), 'a'), ((1, 5), 'b'), ((3, 1), 'c')].into_iter().collect()
    }

    /// The rows of a table from the start of a search.
    fn sought<K: Key, R: Copy>(table: &Table<K, R>, sub_ids: &[u32], include: bool) -> Vec<R> {
        let from = K::seek(sub_ids, include).unwrap();
        table.range((from, Bound::Unbounded)).map(|(_, row)| *row).collect()
    }

    fn after(sub_ids: &[u32]) -> String {
        sought(&two_level(), sub_ids, false).into_iter().collect()
    }

    #[test]
    fn a_search_may_start_at_any_identifier() {
        assert_eq!(after(&[]), "abc");
        assert_eq!(after(&[1]), "abc");
        assert_eq!(after(&[1, 2]), "bc");
        assert_eq!(after(&[1, 2, 0]), "bc");
        assert_eq!(after(&[1, 3]), "bc");
        assert_eq!(after(&[2]), "c");
        assert_eq!(after(&[3, 1, 7]), "");
        assert_eq!(after(&[4]), "");
        assert_eq!(sought(&two_level(), &[1, 2], true).len(), 3);
        assert_eq!(sought(&two_level(), &[1, 2, 9], true).len(), 2);
    }

    #[test]
    fn a_search_over_indices_of_varying_length() {
        let table: Table<Oid, u8> =
            [(Oid::new(&[1, 10]), 1), (Oid::new(&[1, 10, 0]), 2), (Oid::new(&[2]), 3)].into_iter().collect();
        let rows = |ids: &[u32], include| sought(&table, ids, include);
        assert_eq!(rows(&[1, 10], false), [2, 3]);
        assert_eq!(rows(&[1, 10], true), [1, 2, 3]);
        assert_eq!(rows(&[1, 9, 4], false), [1, 2, 3]);
    }

    #[test]
    fn a_new_row_takes_the_lowest_free_position() {
        assert_eq!(two_level().free_position(&1), 1);
        assert_eq!(two_level().free_position(&3), 2);
        assert_eq!(two_level().free_position(&2), 1);
    }

    #[test]
    fn rows_of_an_owner() {
        let rows = |owner: u32| two_level().of(&owner).map(|(_, row)| *row).collect::<String>();
        assert_eq!((rows(1), rows(2), rows(3)), ("ab".to_owned(), String::new(), "c".to_owned()));
    }
}
