//! The counters of an instance, and of all together.

use std::time::Duration;

use super::complaint::Complaint;
use crate::config::model::Version;

/// The counters of an instance, since it was configured or the process started. They never go back: SNMP shows them.
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
    /// The counts since an earlier time.
    pub fn since(&self, earlier: &Counters) -> Counters {
        let rest = |of: fn(&Counters) -> u64| of(self).saturating_sub(of(earlier));
        Counters {
            adverts_received: rest(|counters| counters.adverts_received),
            adverts_sent: rest(|counters| counters.adverts_sent),
            become_master: rest(|counters| counters.become_master),
            release_master: rest(|counters| counters.release_master),
            length_errors: rest(|counters| counters.length_errors),
            ttl_errors: rest(|counters| counters.ttl_errors),
            version_errors: rest(|counters| counters.version_errors),
            auth_type_invalid: rest(|counters| counters.auth_type_invalid),
            auth_type_mismatch: rest(|counters| counters.auth_type_mismatch),
            auth_failures: rest(|counters| counters.auth_failures),
            hmac_missing: rest(|counters| counters.hmac_missing),
            hmac_malformed: rest(|counters| counters.hmac_malformed),
            hmac_unknown_key: rest(|counters| counters.hmac_unknown_key),
            hmac_invalid: rest(|counters| counters.hmac_invalid),
            hmac_stale: rest(|counters| counters.hmac_stale),
            hmac_replay: rest(|counters| counters.hmac_replay),
            interval_errors: rest(|counters| counters.interval_errors),
            other_intervals: rest(|counters| counters.other_intervals),
            type_errors: rest(|counters| counters.type_errors),
            checksum_errors: rest(|counters| counters.checksum_errors),
            address_list_errors: rest(|counters| counters.address_list_errors),
            priority_zero_received: rest(|counters| counters.priority_zero_received),
            priority_zero_sent: rest(|counters| counters.priority_zero_sent),
        }
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// The counters of the router as a whole, since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
