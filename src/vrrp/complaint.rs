//! Complaints about received packets, and the rate limit for reporting them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An error or oddity of a received packet. The order is that of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Complaint {
    /// The length does not agree with the header.
    Length,
    /// TTL or hop limit is not 255 or, for a unicast peer, not within the peer's limits.
    Ttl,
    /// The protocol version differs from ours.
    Version,
    /// `auth_hmac`: there is no trailer.
    HmacMissing,
    /// `auth_hmac`: the octets after the message are no trailer.
    HmacMalformed,
    /// `auth_hmac`: the time is not within `time_window` of ours.
    HmacStale,
    /// `auth_hmac`: no key has the ID in the trailer.
    HmacUnknownKey,
    /// `auth_hmac`: wrong HMAC.
    HmacInvalid,
    /// `auth_hmac`: authentic, but the number is not greater than the last of the sender.
    HmacReplay,
    /// Version 2: unknown authentication type.
    AuthType,
    /// Version 2: the authentication type differs from ours.
    AuthMismatch,
    /// Version 2: wrong password, or wrong check value of an authentication header.
    AuthFailure,
    /// `auth_type AH`: authentic, but the sequence number is not greater than the last.
    Replay,
    /// Version 2: the advertisement interval differs from ours. Version 3: the interval is 0.
    Interval,
    /// Not an advertisement.
    Type,
    /// Wrong checksum.
    Checksum,
    /// Multicast to an instance with `unicast_peer`, or unicast to an instance without.
    Cast,
    /// `check_unicast_src`: the sender is not a peer.
    NoPeer,
    /// `auth_hmac`: the time differs from ours by more than half of `time_window`; the advert is used.
    HmacSkew,
    /// Version 3: the interval differs from ours; it is adopted while backup.
    LearntInterval,
    /// The addresses differ from ours; the advert is used.
    Addresses,
    /// Version 3 over IPv4: the checksum has the other of the two forms; the advert is used.
    ChecksumForm,
    /// Unicast: the checksum has the form of C keepalived before 1.3.6; the advert is used and answered with that form.
    OldChecksum,
    /// Equal priority from our own address: two routers have the same address, or the network returns our packets.
    OwnAddress,
}

impl Complaint {
    /// Whether the packet is dropped because of the complaint.
    pub fn refuses(self) -> bool {
        !matches!(
            self,
            Complaint::HmacSkew
                | Complaint::LearntInterval
                | Complaint::Addresses
                | Complaint::ChecksumForm
                | Complaint::OldChecksum
                | Complaint::OwnAddress
        )
    }
}

/// Shortest time between reports of the same kind of complaint, regardless of changes of the master.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// Rate limit for complaints: each kind is reported once per master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaints {
    reported: BTreeMap<Complaint, Reported>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reported {
    at: Duration,
    /// The master has changed since the report.
    master_changed: bool,
    /// Complaints since the report.
    more: u64,
}

impl Complaints {
    /// Counts a complaint. If it is to be reported, returns the number of unreported complaints of its kind before it.
    pub fn admit(&mut self, complaint: Complaint, now: Duration) -> Option<u64> {
        let Some(last) = self.reported.get_mut(&complaint) else {
            self.reported.insert(complaint, Reported { at: now, master_changed: false, more: 0 });
            return Some(0);
        };
        if !last.master_changed || now.saturating_sub(last.at) < COMPLAINT_INTERVAL {
            last.more = last.more.saturating_add(1);
            return None;
        }
        (last.at, last.master_changed) = (now, false);
        Some(std::mem::take(&mut last.more))
    }

    /// Notes that the master has changed, so that complaints about the new master are reported.
    pub fn master_changed(&mut self) {
        self.reported.values_mut().for_each(|last| last.master_changed = true);
    }
}
