//! State of `auth_hmac` of an instance: the number of its last advert, the numbers of the senders it has heard, and its time.
//!
//! Routers compare the times in their adverts with their own, so all of them have to agree on the time. While the machine runs,
//! the time of an instance goes on evenly when the system clock is set, since the other routers still have the old time. The
//! instance follows the system clock again when an authentic advert shows that its sender does not share the time that was
//! kept, or when the clock is set back to it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::{STEP, shifted};
use super::complaint::Complaint;
use crate::config::model::{AntiReplay, AuthHmac, HmacMode};
use crate::wire::auth_hmac::{Sequence, Trailer};

/// Number of senders whose numbers are known. Only authentic adverts enter the table; the sender that was heard longest ago
/// leaves it.
const MAX_SENDERS: usize = 16;

/// State of `auth_hmac` of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HmacState {
    /// Nanoseconds by which the time of the instance is ahead of the system clock.
    ahead: i64,
    /// The last number sent, or a number above all that a previous process may have sent.
    sent: Option<Sequence>,
    /// The last accepted number of each sender; the one heard last is at the end.
    senders: Vec<(IpAddr, Sequence)>,
    /// It has changed so much that it must be saved.
    unsaved: bool,
    /// Number for the last complaint, see [`Change::Complaint`](super::Change::Complaint).
    detail: i64,
}

/// The state in a checkpoint or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedHmac {
    /// Nanoseconds by which the time of the instance is ahead of the system clock.
    ahead: i64,
    /// A number that the next advert must exceed.
    sent: Option<Sequence>,
    /// Lower bounds of the senders' last numbers.
    senders: Vec<(IpAddr, Sequence)>,
}

impl HmacState {
    /// Keeps its time although the system clock was set forward by some nanoseconds (negative = back).
    pub(super) fn keep_time(&mut self, clock_set_by: i64) {
        self.ahead = self.ahead.saturating_sub(clock_set_by);
        if self.ahead.saturating_abs() < STEP {
            self.ahead = 0;
        }
        self.unsaved = true;
    }

    /// Whether its time differs from the system clock.
    pub fn keeps_time(&self) -> bool {
        self.ahead != 0
    }

    /// Whether it must be saved; cleared by the call.
    pub(super) fn take_unsaved(&mut self) -> bool {
        std::mem::take(&mut self.unsaved)
    }

    /// The number that belongs to a complaint which [`HmacState::check`] has returned.
    pub(super) fn detail(&self, complaint: Complaint) -> Option<i64> {
        let has_detail = matches!(complaint, Complaint::HmacStale | Complaint::HmacSkew | Complaint::HmacUnknownKey);
        has_detail.then_some(self.detail)
    }

    /// The number of the next advert: the time, or the number after the last if the time has not passed that. A last number
    /// beyond the window, which receivers would refuse, is forgotten.
    pub(super) fn next_number(&mut self, config: &AuthHmac, utc: Duration) -> Sequence {
        let own = shifted(utc, self.ahead);
        let time = Sequence::at(own);
        let number = match self.sent {
            Some(sent) if is_outside(config, sent, own) => time,
            Some(sent) if !time.follows(sent) => sent.next(),
            _ => time,
        };
        self.unsaved |= config.anti_replay == AntiReplay::Monotonic && is_another_block(self.sent, number);
        self.sent = Some(number);
        number
    }

    /// Checks the octets that follow a message: type, time, key, HMAC and number, in this order, so that strangers seldom cause
    /// the computation of an HMAC. An authentic number is remembered. Returns an oddity to be reported, if any.
    pub(super) fn check(
        &mut self,
        config: &AuthHmac,
        utc: Duration,
        source: IpAddr,
        message: &[u8],
        trailing: &[u8],
    ) -> Result<Option<Complaint>, Complaint> {
        if trailing.is_empty() {
            return if config.mode == HmacMode::Enforce { Err(Complaint::HmacMissing) } else { Ok(None) };
        }
        let trailer = Trailer::new(trailing).ok_or(Complaint::HmacMalformed)?;
        let (number, own) = (trailer.sequence(), shifted(utc, self.ahead));
        let stale = is_outside(config, number, own);
        if stale && !self.keeps_time() {
            self.detail = number.age(own);
            return Err(Complaint::HmacStale);
        }
        let Some(key) = config.key(trailer.key_id()) else {
            self.detail = trailer.key_id().into();
            return Err(Complaint::HmacUnknownKey);
        };
        if !trailer.is_authentic(key, source, message) {
            return Err(Complaint::HmacInvalid);
        }
        let last = self.senders.iter().find(|(ip, _)| *ip == source).map(|(_, number)| *number);
        if last.is_some_and(|last| !is_outside(config, last, own) && !number.follows(last)) {
            return Err(Complaint::HmacReplay);
        }
        if stale {
            self.ahead = 0;
            self.unsaved = true;
            if is_outside(config, number, utc) {
                self.detail = number.age(utc);
                return Err(Complaint::HmacStale);
            }
        }
        self.remember(source, number, last);
        self.detail = number.age(shifted(utc, self.ahead));
        let skewed = config.anti_replay == AntiReplay::Time
            && self.detail.unsigned_abs().saturating_mul(2) > config.window.as_secs();
        Ok(skewed.then_some(Complaint::HmacSkew))
    }

    fn remember(&mut self, source: IpAddr, number: Sequence, last: Option<Sequence>) {
        self.senders.retain(|(ip, _)| *ip != source);
        if self.senders.len() >= MAX_SENDERS {
            self.senders.remove(0);
        }
        self.senders.push((source, number));
        self.unsaved |= is_another_block(last, number);
    }

    /// The state for a successor. Unless the process is `exiting`, the successor must not rely on the last number sent.
    pub(super) fn save(&self, config: &AuthHmac, exiting: bool) -> SavedHmac {
        let exact = exiting || config.anti_replay == AntiReplay::Time;
        let sent = self.sent.map(|sent| if exact { sent } else { beyond_block(sent) });
        SavedHmac { ahead: self.ahead, sent, senders: self.senders.clone() }
    }

    /// Passes over the numbers that a replacement may have used which has continued with this state and has ended soon.
    pub(super) fn pass_over(&mut self, config: &AuthHmac) {
        // Otherwise the numbers are times, which have passed.
        if config.anti_replay == AntiReplay::Monotonic {
            self.sent = self.sent.map(|sent| beyond_block(beyond_block(sent)));
            self.unsaved = true;
        }
    }

    /// Continues with the state of a predecessor. Its time is kept after a crash, but not by another run of the daemon
    /// (`same_run`), where the system clock may have been set meanwhile.
    pub(super) fn restore(&mut self, saved: &SavedHmac, same_run: bool) {
        self.ahead = if same_run { saved.ahead } else { 0 };
        self.sent = saved.sent;
        let surplus = saved.senders.len().saturating_sub(MAX_SENDERS);
        self.senders = saved.senders.iter().skip(surplus).copied().collect();
    }
}

impl SavedHmac {
    /// Whether it is the state before the first advert.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_none() && self.senders.is_empty()
    }
}

/// Whether receivers whose time is `utc` refuse a number because of its time. Never with `anti_replay monotonic`.
fn is_outside(config: &AuthHmac, number: Sequence, utc: Duration) -> bool {
    config.anti_replay == AntiReplay::Time && number.age(utc).unsigned_abs() > config.window.as_secs()
}

/// Seconds in a block of numbers. The state is saved once per block, not with every advert.
const BLOCK: u32 = 64;

fn is_another_block(before: Option<Sequence>, after: Sequence) -> bool {
    before.is_none_or(|before| before.seconds() / BLOCK != after.seconds() / BLOCK)
}

/// A number beyond the block of a number.
fn beyond_block(number: Sequence) -> Sequence {
    let start = number.seconds() - number.seconds() % BLOCK;
    Sequence::at(Duration::from_secs(start.wrapping_add(2 * BLOCK).into()))
}
