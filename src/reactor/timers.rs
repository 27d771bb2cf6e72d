//! A queue of timers with at most one deadline per key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Deadlines by key, earliest first. Setting, clearing and popping are O(log n).
///
/// Deadlines are times of [`clock::now`](super::clock::now). Timers with equal deadlines fire in the order of their
/// keys, so a run is reproducible.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_key: BTreeMap<K, Duration>,
    by_time: BTreeSet<(Duration, K)>,
}

impl<K: Ord + Copy> Timers<K> {
    /// An empty queue.
    pub fn new() -> Timers<K> {
        Timers { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Arms the timer of `key` for `at`, replacing its previous deadline, if any.
    pub fn set(&mut self, key: K, at: Duration) {
        if let Some(old) = self.by_key.insert(key, at) {
            self.by_time.remove(&(old, key));
        }
        self.by_time.insert((at, key));
    }

    /// Disarms the timer of `key`; nothing happens if it is not armed.
    pub fn clear(&mut self, key: K) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
    }

    /// The deadline of `key`, if it is armed.
    pub fn deadline(&self, key: K) -> Option<Duration> {
        self.by_key.get(&key).copied()
    }

    /// The earliest deadline of all.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Removes and returns the earliest timer whose deadline is not after `now`; `None` when no timer is due.
    pub fn pop_due(&mut self, now: Duration) -> Option<K> {
        let (at, key) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.remove(&(at, key));
        self.by_key.remove(&key);
        Some(key)
    }

    /// Number of armed timers.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether no timer is armed.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

impl<K: Ord + Copy> Default for Timers<K> {
    fn default() -> Self {
        Timers::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Timers;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_earliest_timer_fires_first_and_only_when_due() {
        let mut timers = Timers::new();
        timers.set('b', ms(20));
        timers.set('a', ms(30));
        timers.set('c', ms(20));
        assert_eq!(timers.next_deadline(), Some(ms(20)));
        assert_eq!(timers.pop_due(ms(19)), None);
        assert_eq!(timers.pop_due(ms(20)), Some('b'));
        assert_eq!(timers.pop_due(ms(20)), Some('c'));
        assert_eq!(timers.pop_due(ms(20)), None);
        assert_eq!(timers.pop_due(ms(90)), Some('a'));
        assert!(timers.is_empty());
    }

    #[test]
    fn setting_again_replaces_the_deadline() {
        let mut timers = Timers::new();
        timers.set(1, ms(10));
        timers.set(1, ms(50));
        assert_eq!(timers.len(), 1);
        assert_eq!(timers.pop_due(ms(49)), None);
        timers.set(1, ms(5));
        assert_eq!(timers.pop_due(ms(5)), Some(1));
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn a_cleared_timer_does_not_fire() {
        let mut timers = Timers::new();
        timers.set(1, ms(10));
        timers.set(2, ms(20));
        timers.clear(1);
        timers.clear(7);
        assert_eq!(timers.deadline(1), None);
        assert_eq!(timers.pop_due(ms(100)), Some(2));
        assert_eq!(timers.pop_due(ms(100)), None);
    }

    proptest! {
        /// The model is a map that is searched linearly.
        #[test]
        fn the_queue_agrees_with_a_linear_search(steps in prop::collection::vec((0u8..3, 0u8..8, 0u64..50), 0..200)) {
            let mut timers = Timers::new();
            let mut model: BTreeMap<u8, Duration> = BTreeMap::new();
            for (step, key, at) in steps {
                match step {
                    0 => { timers.set(key, ms(at)); model.insert(key, ms(at)); }
                    1 => { timers.clear(key); model.remove(&key); }
                    _ => {
                        let due = model.iter().map(|(k, t)| (*t, *k)).min().filter(|(t, _)| *t <= ms(at));
                        if let Some((_, k)) = due { model.remove(&k); }
                        prop_assert_eq!(timers.pop_due(ms(at)), due.map(|(_, k)| k));
                    }
                }
                prop_assert_eq!(timers.next_deadline(), model.values().min().copied());
                prop_assert_eq!(timers.len(), model.len());
            }
        }
    }
}
