//! Bounds to the cost of strangers: each sender causes one reaction in an interval, the rest is counted.

use std::time::Duration;

/// Senders that are told apart. Once so many have caused a reaction within an interval, others cause none.
const MOST: usize = 8;

/// Senders that have caused a reaction lately.
#[derive(Clone, Debug)]
pub struct Recent<K> {
    seen: Vec<Seen<K>>,
    /// Events of senders that found no place.
    unplaced: u64,
}

#[derive(Clone, Debug)]
struct Seen<K> {
    key: K,
    at: Duration,
    /// Events since then.
    more: u64,
}

impl<K> Default for Recent<K> {
    fn default() -> Recent<K> {
        Recent { seen: Vec::new(), unplaced: 0 }
    }
}

impl<K: PartialEq> Recent<K> {
    /// Whether an event of `key` may cause a reaction, at most one in each `interval`. Gives the number of events that
    /// caused none since the last reaction.
    pub fn admit(&mut self, key: K, now: Duration, interval: Duration) -> Option<u64> {
        let over = |seen: &Seen<K>| now.saturating_sub(seen.at) >= interval;
        if let Some(seen) = self.seen.iter_mut().find(|seen| seen.key == key) {
            if !over(seen) {
                seen.more = seen.more.saturating_add(1);
                return None;
            }
            seen.at = now;
            return Some(std::mem::take(&mut seen.more));
        }
        if self.seen.len() >= MOST {
            let oldest = self.seen.iter().enumerate().min_by_key(|(_, seen)| seen.at);
            match oldest.filter(|(_, seen)| over(seen)).map(|(place, _)| place) {
                Some(place) => self.unplaced = self.unplaced.saturating_add(self.seen.swap_remove(place).more),
                None => {
                    self.unplaced = self.unplaced.saturating_add(1);
                    return None;
                }
            }
        }
        self.seen.push(Seen { key, at: now, more: 0 });
        Some(std::mem::take(&mut self.unplaced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn each_sender_causes_one_reaction_in_an_interval() {
        let mut recent = Recent::default();
        let mut admit = |key, at| recent.admit(key, ms(at), ms(100));
        assert_eq!([admit('a', 0), admit('b', 1)], [Some(0), Some(0)]);
        assert_eq!([admit('a', 50), admit('a', 99), admit('b', 60)], [None; 3]);
        assert_eq!([admit('a', 100), admit('b', 101), admit('a', 300)], [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn a_flood_of_senders_causes_a_bounded_number_of_reactions() {
        let mut recent = Recent::default();
        let reactions = (0..100_000_u64).filter(|sender| recent.admit(*sender, ms(sender / 1000), ms(1000)).is_some());
        assert_eq!(reactions.count(), MOST);
        assert_eq!(recent.admit(0, ms(1000), ms(1000)), Some(0));
        assert_eq!(recent.admit(200_000, ms(2500), ms(1000)), Some(100_000 - MOST as u64));
        assert_eq!(recent.seen.len(), MOST);
    }
}
