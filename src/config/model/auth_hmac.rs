//! `auth_hmac` of an instance.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `auth_hmac`: authentication of adverts by a trailer with an HMAC-SHA256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthHmac {
    /// The `key` of `active_key`, which signs adverts to be sent.
    pub active: HmacKey,
    /// The other `key` lines, for received adverts; their IDs are unique.
    pub others: Vec<HmacKey>,
    /// `time_window`: largest difference of the clocks, 1..=300 s; default 3 times the whole seconds of `advert_int`, from 5
    /// to 300 s.
    pub window: Duration,
    /// `anti_replay`.
    pub anti_replay: AntiReplay,
    /// `mode`.
    pub mode: HmacMode,
}

impl AuthHmac {
    /// The octets of the key with an ID.
    pub fn key(&self, id: u8) -> Option<&[u8]> {
        let all = std::iter::once(&self.active).chain(&self.others);
        all.into_iter().find(|key| key.id == id).map(|key| key.octets.as_slice())
    }
}

/// A `key` of `auth_hmac`. `Debug` never shows its octets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HmacKey {
    /// ID in the trailer, 1..=255.
    pub id: u8,
    /// The key, 32..=64 octets.
    pub octets: Vec<u8>,
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `anti_replay`: protection against adverts that are sent again by an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AntiReplay {
    /// `time`: increasing numbers, and the time in an advert is near the own time.
    Time,
    /// `monotonic`: increasing numbers alone.
    Monotonic,
}

/// `mode` of `auth_hmac`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HmacMode {
    /// `enforce`: adverts are sent with a trailer, and received adverts must have one.
    Enforce,
    /// `permissive`: adverts are sent with a trailer, and received adverts may have one.
    Permissive,
    /// `receive-only`: adverts are sent without a trailer, and received adverts may have one.
    ReceiveOnly,
}

impl HmacMode {
    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            HmacMode::Enforce => "enforce",
            HmacMode::Permissive => "permissive",
            HmacMode::ReceiveOnly => "receive-only",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_keys() {
        let key = HmacKey { id: 7, octets: b"a-secret-of-at-least-32-characters".to_vec() };
        assert_eq!(format!("{key:?}"), "HmacKey { id: 7, .. }");
    }
}
