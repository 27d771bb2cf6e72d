//! Pseudo-random numbers from a given seed. Not for secrets.

use std::time::Duration;

/// A xorshift generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Accepts any seed.
    pub fn new(seed: u64) -> Random {
        // Neighbouring seeds should give different first numbers, and the state must not be 0.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) | 1)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a time from 0 to just below `most`, in whole microseconds.
    pub fn share(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        match micros {
            0 => Duration::ZERO,
            micros => Duration::from_micros(self.number() % micros),
        }
    }

    /// Returns `count` random octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.number().to_le_bytes()[0]).take(count).collect()
    }
}
