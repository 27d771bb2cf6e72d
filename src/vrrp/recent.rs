//! Rate limit per sender: each sender causes at most one reaction in an interval, its other packets are counted.

use std::time::Duration;

/// Number of senders that are tracked. Once that many have caused a reaction within an interval, others cause none.
const MAX_SENDERS: usize = 8;

/// Rate limit per sender, for the senders that have recently caused a reaction.
#[derive(Clone, Debug)]
pub struct Recent<K> {
    senders: Vec<Sender<K>>,
    /// Events of senders that are not tracked.
    untracked: u64,
}

#[derive(Clone, Debug)]
struct Sender<K> {
    key: K,
    /// Time of the last reaction.
    at: Duration,
    /// Events since the last reaction.
    more: u64,
}

impl<K> Default for Recent<K> {
    fn default() -> Recent<K> {
        Recent { senders: Vec::new(), untracked: 0 }
    }
}

impl<K: PartialEq> Recent<K> {
    /// Counts an event of a sender. If the event may cause a reaction, at most one in each `interval`, returns the number
    /// of events without a reaction since the last one.
    pub fn admit(&mut self, key: K, now: Duration, interval: Duration) -> Option<u64> {
        let over = |seen: &Sender<K>| now.saturating_sub(seen.at) >= interval;
        if let Some(seen) = self.senders.iter_mut().find(|seen| seen.key == key) {
            if !over(seen) {
                seen.more = seen.more.saturating_add(1);
                return None;
            }
            seen.at = now;
            return Some(std::mem::take(&mut seen.more));
        }
        if self.senders.len() >= MAX_SENDERS {
            let oldest = self.senders.iter().enumerate().min_by_key(|(_, seen)| seen.at);
            match oldest.filter(|(_, seen)| over(seen)).map(|(place, _)| place) {
                Some(place) => self.untracked = self.untracked.saturating_add(self.senders.swap_remove(place).more),
                None => {
                    self.untracked = self.untracked.saturating_add(1);
                    return None;
                }
            }
        }
        self.senders.push(Sender { key, at: now, more: 0 });
        Some(std::mem::take(&mut self.untracked))
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
        assert_eq!(reactions.count(), MAX_SENDERS);
        assert_eq!(recent.admit(0, ms(1000), ms(1000)), Some(0));
        assert_eq!(recent.admit(200_000, ms(2500), ms(1000)), Some(100_000 - MAX_SENDERS as u64));
        assert_eq!(recent.senders.len(), MAX_SENDERS);
    }
}
