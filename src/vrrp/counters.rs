//! The counters of an instance, and of all together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::complaint::Complaint;
use crate::config::model::Version;

/// The counters of an instance, since it was configured, or since a process has replaced another one that could not hand them
/// over. They never go back: SNMP shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Valid adverts received.
    pub adverts_received: u64,
    /// Adverts sent.
    pub adverts_sent: u64,
    /// Transitions to master.
    pub become_master: u64,
    /// Transitions away from master.
    pub release_master: u64,
    /// [`Complaint::Length`].
    pub length_errors: u64,
    /// [`Complaint::Ttl`].
    pub ttl_errors: u64,
    /// [`Complaint::Version`].
    pub version_errors: u64,
    /// [`Complaint::AuthType`].
    pub auth_type_invalid: u64,
    /// [`Complaint::AuthMismatch`].
    pub auth_type_mismatch: u64,
    /// [`Complaint::AuthFailure`] and [`Complaint::Replay`].
    pub auth_failures: u64,
    /// [`Complaint::HmacMissing`].
    pub hmac_missing: u64,
    /// [`Complaint::HmacMalformed`].
    pub hmac_malformed: u64,
    /// [`Complaint::HmacUnknownKey`].
    pub hmac_unknown_key: u64,
    /// [`Complaint::HmacInvalid`].
    pub hmac_invalid: u64,
    /// [`Complaint::HmacStale`].
    pub hmac_stale: u64,
    /// [`Complaint::HmacReplay`].
    pub hmac_replay: u64,
    /// [`Complaint::Interval`] and [`Complaint::LearntInterval`].
    pub interval_errors: u64,
    /// Adverts with another interval than the configured one, refused or used.
    pub other_intervals: u64,
    /// [`Complaint::Type`].
    pub type_errors: u64,
    /// [`Complaint::Checksum`].
    pub checksum_errors: u64,
    /// [`Complaint::Addresses`].
    pub address_list_errors: u64,
    /// Priority 0 received.
    pub priority_zero_received: u64,
    /// Priority 0 sent.
    pub priority_zero_sent: u64,
}

impl Counters {
    /// All counters. The order is that of checkpoints: a new counter comes last.
    fn all(&mut self) -> [&mut u64; 23] {
        [
            &mut self.adverts_received,
            &mut self.adverts_sent,
            &mut self.become_master,
            &mut self.release_master,
            &mut self.length_errors,
            &mut self.ttl_errors,
            &mut self.version_errors,
            &mut self.auth_type_invalid,
            &mut self.auth_type_mismatch,
            &mut self.auth_failures,
            &mut self.hmac_missing,
            &mut self.hmac_malformed,
            &mut self.hmac_unknown_key,
            &mut self.hmac_invalid,
            &mut self.hmac_stale,
            &mut self.hmac_replay,
            &mut self.interval_errors,
            &mut self.other_intervals,
            &mut self.type_errors,
            &mut self.checksum_errors,
            &mut self.address_list_errors,
            &mut self.priority_zero_received,
            &mut self.priority_zero_sent,
        ]
    }

    /// All counters, for a checkpoint.
    pub(super) fn to_list(mut self) -> Vec<u64> {
        self.all().map(|counter| *counter).to_vec()
    }

    /// The counters of a checkpoint; those that are not in it are 0.
    pub(super) fn of_list(list: &[u64]) -> Counters {
        let mut counters = Counters::default();
        counters.all().into_iter().zip(list).for_each(|(counter, count)| *counter = *count);
        counters
    }

    /// The counts since an earlier time.
    pub fn since(&self, mut earlier: Counters) -> Counters {
        let mut rest = *self;
        rest.all().into_iter().zip(earlier.all()).for_each(|(count, before)| *count = count.saturating_sub(*before));
        rest
    }

    /// Counts a complaint.
    pub fn count(&mut self, complaint: Complaint) {
        self.other_intervals += u64::from(complaint == Complaint::Interval);
        let counter = match complaint {
            Complaint::Length => &mut self.length_errors,
            Complaint::Ttl => &mut self.ttl_errors,
            Complaint::Version => &mut self.version_errors,
            Complaint::AuthType => &mut self.auth_type_invalid,
            Complaint::AuthMismatch => &mut self.auth_type_mismatch,
            Complaint::AuthFailure | Complaint::Replay => &mut self.auth_failures,
            Complaint::HmacMissing => &mut self.hmac_missing,
            Complaint::HmacMalformed => &mut self.hmac_malformed,
            Complaint::HmacUnknownKey => &mut self.hmac_unknown_key,
            Complaint::HmacInvalid => &mut self.hmac_invalid,
            Complaint::HmacStale => &mut self.hmac_stale,
            Complaint::HmacReplay => &mut self.hmac_replay,
            Complaint::Interval | Complaint::LearntInterval => &mut self.interval_errors,
            Complaint::Type => &mut self.type_errors,
            Complaint::Checksum => &mut self.checksum_errors,
            Complaint::Addresses => &mut self.address_list_errors,
            Complaint::Cast
            | Complaint::NoPeer
            | Complaint::HmacSkew
            | Complaint::ChecksumForm
            | Complaint::OldChecksum
            | Complaint::OwnAddress => return,
        };
        *counter += 1;
    }
}

/// Counters of refused packets to all instances of a version, those removed included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterErrors {
    /// [`Complaint::Checksum`].
    pub checksum: u64,
    /// [`Complaint::Version`].
    pub version: u64,
    /// Packets of the version with a VRID that no instance on the interface has.
    pub unknown_vrid: u64,
}

impl RouterErrors {
    /// Counts a complaint.
    pub(super) fn count(&mut self, complaint: Complaint) {
        self.checksum += u64::from(complaint == Complaint::Checksum);
        self.version += u64::from(complaint == Complaint::Version);
    }
}

/// The counters of the router as a whole, since the start of the process, or of a predecessor that has handed them over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterCounters {
    /// Version 2, which is IPv4.
    pub v2: RouterErrors,
    /// Version 3, and for unknown VRIDs all other versions.
    pub v3: RouterErrors,
    /// The start of the counters.
    pub since: Duration,
}

impl RouterCounters {
    /// The counters of a version.
    pub(super) fn of(&mut self, version: Version) -> &mut RouterErrors {
        match version {
            Version::V2 => &mut self.v2,
            Version::V3 => &mut self.v3,
        }
    }

    /// The number of packets with an unknown VRID.
    pub fn unknown_vrids(&self) -> u64 {
        self.v2.unknown_vrid + self.v3.unknown_vrid
    }
}
