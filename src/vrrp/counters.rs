//! The counters of an instance.

use super::complaint::Complaint;

/// The counters of an instance, since the start of the process.
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
    /// Counts a complaint.
    pub fn count(&mut self, complaint: Complaint) {
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
